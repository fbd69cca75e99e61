using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Time;
using Grid.Storage;
using Grid.Tests.Simulation;
using Xunit;

namespace Grid.Tests.Replication.Rigs;

/// <summary>An item that a primary sent.</summary>
internal sealed record SentItem(string Silo, LinkItem Head, byte[] Body);

/// <summary>A request's place: the reply appears here when the primary lets it go.</summary>
internal sealed class Ticket
{
    public Answer? Answer { get; set; }

    public bool IsWaiting => Answer is null;

    public Answer Done => Answer ?? throw new InvalidOperationException("No reply yet.");
}

/// <summary>A primary on silo "a" alone on a stage: the test plays everybody else.</summary>
internal sealed class PrimaryRig : IPrimaryOutput
{
    public static readonly Guid Lineage = new(1, 2, 3, new byte[8]);

    private readonly Dictionary<string, AttachRequest> _attached = [];
    private readonly SimRandom _random = new(42);
    private long _attaches;

    public PrimaryRig(PrimaryOptions? options = null, ShardCopy? copy = null, ShardRecord? record = null, params string[] others)
    {
        Options = options ?? new PrimaryOptions { Replicas = 2 };
        Copy = copy ?? NewCopy("a");
        ShardRecord before = record ?? ShardRecord.Fresh(0, Lineage, Guid.NewGuid());
        record = record?.Epoch > 0 ? record : before.WithPrimary(Copy.Name, 1, [], _random.NextGuid());
        Token = Copy.TakeOwnership();
        Core = new ShardPrimary(Copy, Token, record, Options, _random, this);
        Alive = ["a", .. others.Length == 0 ? ["b", "c", "d"] : others];
        Core.Start(Alive, Now);
        InTouch = true;
    }

    public PrimaryOptions Options { get; }

    public ShardCopy Copy { get; }

    public long Token { get; }

    public ShardPrimary Core { get; }

    public List<string> Alive { get; }

    public long Ms { get; private set; } = 1000;

    /// <summary>How often the backlog began too late for a whole copy.</summary>
    public int BacklogMisses { get; private set; }

    public Instant Now => new(Ms, 1_700_000_000_000 + Ms);

    public List<SentItem> Sent { get; } = [];

    public ShardRecord? Writing { get; private set; }

    public SnapshotPlan? Snapshot { get; private set; }

    public List<(SavedSnapshot Saved, SnapshotMember Member)> SavedSent { get; } = [];

    /// <summary>False while the silo hears too few others.</summary>
    public bool InTouch
    {
        set => MajorityAtMs = value ? long.MaxValue / 2 : long.MinValue / 4;
    }

    /// <summary>Since when most others have answered.</summary>
    public long MajorityAtMs
    {
        set => Core.OnMajorityAnswered(value, Now);
    }

    /// <summary>False while the silo has no place for another sync.</summary>
    public bool HasPlace { get; set; } = true;

    /// <summary>True while the primary waits for a place.</summary>
    public bool WantsPlace { get; private set; }

    /// <summary>Number of the primary's last request for a place.</summary>
    public long PlaceRequest { get; private set; }

    /// <summary>True while the primary holds a place.</summary>
    public bool HoldsPlace { get; private set; }

    /// <summary>False while the copies grant no lease.</summary>
    public bool CopiesGrant { get; set; } = true;

    public List<(LeaseRequest Request, CopyName Copy)> Asked { get; } = [];

    public List<long> Cancelled { get; } = [];

    /// <summary>Whoever takes the snapshot hears that it is cancelled.</summary>
    public Action<long>? WhenCancelled { get; set; }

    /// <summary>Whoever takes the snapshot hears that a link has ended.</summary>
    public Action<string>? WhenAbandoned { get; set; }

    public List<string> Started { get; } = [];

    public List<string> Abandoned { get; } = [];

    public List<(PrimaryEvent What, string Silo, string Details)> Events { get; } = [];

    public string? SteppedDown { get; private set; }

    /// <summary>False while the streams take nothing.</summary>
    public bool StreamsTake { get; set; } = true;

    public static ShardCopy NewCopy(string silo, CopyState state = CopyState.Complete) =>
        new(0, new CopyName(silo, Guid.NewGuid()), new PagePool()) { State = state, Lineage = Lineage };

    public Ticket Do(params Op[] operations) => Do(WriteDurability.Replicated, operations);

    public Ticket Do(WriteDurability durability, params Op[] operations)
    {
        PooledBuffer request = Requests.Build(operations, durability);
        return Execute(request);
    }

    /// <summary>A batch with a place in its client's order.</summary>
    public Ticket DoInOrder(long number, Op operation, long epoch = 1, long acknowledgedBelow = 0, ulong client = 7) =>
        Execute(Requests.Build([operation], number: number, epoch: epoch, acknowledgedBelow: acknowledgedBelow, client: client));

    public Ticket Execute(PooledBuffer request)
    {
        Ticket ticket = new();
        Core.Execute(ticket, request, Now);
        request.Release();
        Core.Flush(Now);
        Pump();
        return ticket;
    }

    /// <summary>A replica attaches; by default one whose log is the same as the primary's.</summary>
    public AttachAnswer Attach(string silo, ReplicaCapabilities capabilities = ReplicaCapabilities.Lz4 | ReplicaCapabilities.DualChannel, Func<AttachRequest, AttachRequest>? change = null)
    {
        AttachRequest request = new()
        {
            Shard = 0,
            Copy = _attached.TryGetValue(silo, out AttachRequest? before) ? before.Copy : new CopyName(silo, _random.NextGuid()),
            NextCopyId = _random.NextGuid(),
            Attach = ++_attaches,
            Capabilities = capabilities,
            Complete = true,
            LogEnd = Copy.Log.EndOffset,
            Applied = 0,
            History = [.. Copy.History.Starts],
            Lineage = Lineage,
            EpochSeen = Core.Epoch,
        };
        request = change?.Invoke(request) ?? request;
        AttachAnswer answer = Core.OnAttach(request, Now);
        if (answer == AttachAnswer.Accepted)
            _attached[silo] = request;
        Pump();
        return answer;
    }

    /// <summary>A replica without data attaches.</summary>
    public AttachAnswer AttachEmpty(string silo, ReplicaCapabilities capabilities = ReplicaCapabilities.Lz4 | ReplicaCapabilities.DualChannel) =>
        Attach(silo, capabilities, request => request with { Complete = false, LogEnd = 0, History = [], Lineage = Guid.Empty });

    public AttachRequest Request(string silo) => _attached[silo];

    /// <summary>The copy whose acknowledgements count on the link to a silo.</summary>
    public CopyName CopyOn(string silo) => Core.Links.First(link => link.Silo == silo).Copy;

    public void Acknowledge(string silo, long? offset = null, long? attach = null, long? epoch = null, CopyName? copy = null)
    {
        Core.OnAcknowledged(
            new Acknowledgement(0, copy ?? CopyOn(silo), epoch ?? Core.Epoch, attach ?? _attached[silo].Attach, offset ?? Copy.Log.EndOffset, 0, 0), Now);
        Pump();
    }

    /// <summary>The record's write took effect and the primary hears of it.</summary>
    public void RecordLands()
    {
        ShardRecord landed = Writing ?? throw new InvalidOperationException("No write of the record is under way.");
        Writing = null;
        Core.OnRecordWritten(RecordOutcome.Written, landed, Now);
        Pump();
    }

    public void RecordIs(ShardRecord current)
    {
        Writing = null;
        Core.OnRecordWritten(RecordOutcome.Conflict, current, Now);
        Pump();
    }

    /// <summary>Brings replicas into the in-sync set.</summary>
    public PrimaryRig With(params string[] silos)
    {
        foreach (string silo in silos)
        {
            Assert.Equal(AttachAnswer.Accepted, Attach(silo));
            Acknowledge(silo);
            RecordLands();
        }

        return this;
    }

    /// <summary>The snapshot has been sent to everybody, or could not be, or was cancelled.</summary>
    public void SnapshotEnds(bool failed = false)
    {
        SnapshotPlan plan = Snapshot!;
        Snapshot = null;
        plan.Scan.Dispose();
        Core.OnSnapshotEnded(plan.SnapshotId, failed, Now);
        Pump();
    }

    /// <summary>Time passes, with a tick every 50 ms; the silos named go on to answer heartbeats.</summary>
    public void Wait(long ms, params string[] alive)
    {
        for (long end = Ms + ms; Ms < end;)
        {
            Ms = Math.Min(Ms + 50, end);
            foreach (string silo in alive)
            {
                PrimaryLink? link = Core.Links.FirstOrDefault(link => link.Silo == silo);
                if (link is not null)
                    Acknowledge(silo, link.Phase == LinkPhase.Online ? Math.Max(link.Acknowledged, 0) : -1);
            }

            Core.Tick(Now);
            Pump();
        }
    }

    /// <summary>Time passes unnoticed: no tick comes.</summary>
    public void PassTime(long ms) => Ms += ms;

    public void SilosAre(params string[] alive)
    {
        Core.OnSilosChanged(alive, Now);
        Pump();
    }

    public IEnumerable<SentItem> To(string silo, LinkItemKind? kind = null) =>
        Sent.Where(item => item.Silo == silo && (kind is null || item.Head.Kind == kind));

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item)
    {
        LinkItem head = LinkItem.Read(item.Span, out ReadOnlySpan<byte> body);
        Assert.Equal(attach, head.Attach);
        Sent.Add(new SentItem(silo, head, body.ToArray()));
        item.Release();
    }

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        Ticket ticket = (Ticket)token;
        Assert.Null(ticket.Answer);
        ticket.Answer = Answer.Read(reply.Span);
        reply.Release();
    }

    void IPrimaryOutput.WriteRecord(ShardRecord record)
    {
        Assert.Null(Writing);
        Writing = record;
    }

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies) =>
        Asked.AddRange(copies.Select(copy => (request, copy)));

    void IPrimaryOutput.RequestSync(long request)
    {
        Assert.False(WantsPlace || HoldsPlace);
        WantsPlace = true;
        Assert.True(request > PlaceRequest);
        PlaceRequest = request;
    }

    void IPrimaryOutput.ReleaseSync()
    {
        Assert.True(WantsPlace || HoldsPlace);
        WantsPlace = HoldsPlace = false;
    }

    void IPrimaryOutput.CountBacklogMiss() => BacklogMisses++;

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member) => SavedSent.Add((saved, member));

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan) => Snapshot = plan;

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        Cancelled.Add(snapshotId);
        WhenCancelled?.Invoke(snapshotId);
    }

    void IPrimaryOutput.StartReplica(string silo, long endedAttach) => Started.Add(silo);

    void IPrimaryOutput.AbandonLink(string silo)
    {
        Abandoned.Add(silo);
        WhenAbandoned?.Invoke(silo);
    }

    /// <summary>How hand-overs ended.</summary>
    public List<(CopyName Receiver, bool Surrendered, string Details)> HandedOver { get; } = [];

    void IPrimaryOutput.EndHandOver(CopyName receiver, bool surrendered, string details) => HandedOver.Add((receiver, surrendered, details));

    void IPrimaryOutput.StepDown(string reason) => SteppedDown = reason;

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details) => Events.Add((what, silo, details));

    /// <summary>Everybody else does what was asked: copies grant, the silo has a place, the streams take what was sent.</summary>
    private void Pump()
    {
        if (WantsPlace && HasPlace)
        {
            (WantsPlace, HoldsPlace) = (false, true);
            Core.OnSyncPermitted(PlaceRequest, Now);
        }

        foreach ((LeaseRequest request, CopyName copy) in CopiesGrant ? Asked.ToArray() : [])
            Core.OnGranted(copy, request.Number, Now);
        Asked.Clear();
        bool more = StreamsTake;
        while (more)
        {
            more = false;
            foreach (PrimaryLink link in Core.Links.Where(link => link.Unsent.Count > 0).ToArray())
            {
                Core.OnSent(link.Silo, link.Attach, Now);
                more = true;
            }
        }
    }
}
