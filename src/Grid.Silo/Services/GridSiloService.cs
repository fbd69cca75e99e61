using System.Globalization;
using Grid.Client.Contracts;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Replication.Sessions;
using Grid.Silo.Copies;
using Grid.Silo.Elastic;
using Grid.Silo.Events;
using Grid.Silo.Examination;
using Grid.Silo.Fronts;
using Grid.Silo.Grains;
using Grid.Silo.Placement;
using Grid.Silo.Telemetry;
using Grid.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime.Services;
using Orleans.Services;

namespace Grid.Silo.Services;

/// <summary>Answers other silos about this silo's copies.</summary>
[Reentrant]
internal sealed class GridSiloService(
    GrainId id,
    Orleans.Runtime.Silo silo,
    ILoggerFactory loggers,
    SiloMembership membership,
    CopyHost host,
    LocalShards shards,
    SiloFront front,
    SiloTransport transport,
    IGrainFactory grains,
    SiloBook book,
    Drainer drainer,
    Rebalancer rebalancer,
    SiloExaminer examiner,
    DevelopmentTable development,
    EventRing events,
    SiloSampler sampler,
    OperationMeter operations) : GrainService(id, silo, loggers), IGridSiloService
{
    private const int DigestSliceEntries = 2048;
    private const int DigestSliceBytes = 1 << 20;

    public ValueTask<MembershipVersion> GreetAsync() => new(membership.Current.Version);

    public ValueTask<CopyPoll> PollAsync(int shard) => new(Poll(host, shard));

    public ValueTask<int[]> GetReignsAsync() => new(shards.Shards());

    /// <summary>What does not belong here is passed on by plain calls, so that it cannot go in circles.</summary>
    public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle) => front.ExecuteAsync(bundle, transport.Plain);

    public ValueTask<BatchBundle> CollectAsync(long ticket) => front.CollectAsync(ticket);

    /// <summary>An acknowledgement for a primary that has left follows it as a grain call.</summary>
    public ValueTask AcknowledgeAsync(AcknowledgeCall[] acknowledgements)
    {
        foreach (AcknowledgeCall acknowledgement in acknowledgements)
        {
            if (shards.Find(acknowledgement.Shard) is { } inbox)
                inbox.Post(new ShardWork(null, null, acknowledgement));
            else
                _ = grains.GetGrain<IShardReplicationGrain>(acknowledgement.Shard).AcknowledgeAsync(acknowledgement);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>The same answer for this silo itself.</summary>
    public static CopyPoll Poll(CopyHost host, int shard)
    {
        HostedCopy? hosted = host.Find(shard);
        return hosted?.Use(copy => new CopyPoll(
            true,
            copy.Name.Silo,
            copy.Name.CopyId,
            (int)copy.State,
            copy.Position.Epoch,
            copy.Position.Offset,
            copy.EpochSeen,
            hosted.Primary is { IsDown: false },
            hosted.Surrendered?.Epoch ?? 0,
            hosted.Surrendered?.Receiver.Silo ?? "",
            hosted.Surrendered?.Receiver.CopyId ?? Guid.Empty,
            copy.Store.Entries,
            copy.Log.EndOffset - copy.Applied,
            copy.RecordVersionSeen)) ?? CopyPoll.None(host.Silo);
    }

    public ValueTask<bool> IsGoneAsync(SiloAddress silo) => new(DeathWatch.IsGoneAsync(silo, SiloAddress.FromParsableString(host.Silo)));

    public ValueTask<bool[]> GrantAsync(LeaseCall[] requests) => new(LeaseRenewals.Grant(host, requests));

    public ValueTask<SiloCopies> GetCopiesAsync()
    {
        List<CopyStatus> copies = [];
        List<PrimaryView> primaries = [];
        foreach (HostedCopy hosted in host.All.OrderBy(hosted => hosted.Shard))
        {
            copies.Add(hosted.Use(copy => StatusOf(hosted, copy)));
            if (hosted.Primary is { IsDown: false } primary)
                primaries.Add(hosted.Use(_ => ViewOf(hosted.Shard, primary, hosted.IsPinned)));
        }

        return new(new SiloCopies { Copies = copies, Primaries = primaries, Facts = book.Own, Rebalance = rebalancer.Status });
    }

    public ValueTask<SiloExamination> ExamineAsync() => new(examiner.Examine());

    public ValueTask<SiloFacts> GetFactsAsync() => new(book.Own);

    public ValueTask<IReadOnlyList<ClusterEvent>> GetEventsAsync(EventQuery query) => new(events.Get(query));

    public ValueTask<SiloSamples> GetSamplesAsync(DateTimeOffset? after) => new(sampler.Get(after));

    public ValueTask<IReadOnlyList<KeyspaceReport>> GetKeyspacesAsync(string? name) => new(KeyspaceCensus.Of(host, operations, name));

    public ValueTask NoteFactsAsync(SiloFacts facts)
    {
        book.Note(facts);
        rebalancer.Wake();
        return ValueTask.CompletedTask;
    }

    public ValueTask<SiloPlaces> GetPlacesAsync() => new(Places(host));

    public async ValueTask<string?> SetDrainingAsync(bool draining) => await drainer.SetByHandAsync(draining);

    public ValueTask<CopyPoll> MakeEmptyCopyAsync(int shard, long epochSeen)
    {
        // A whole copy is never thrown away for an empty one, whoever asks.
        if (host.Find(shard) is { } there && (there.Primary is { IsDown: false } || there.Copy.State == CopyState.Complete || !host.Drop(there)))
            return default;
        HostedCopy made = host.GetOrCreate(shard);
        bool free = made.Use(copy =>
        {
            if (made.IsFreed || made.Replica is not null || made.Primary is not null || copy.Log.EndOffset != 0)
                return false;
            copy.Observe(epochSeen, 0);
            copy.State = CopyState.Complete;
            return true;
        });
        return new(free ? Poll(host, shard) : default);
    }

    /// <summary>Where the shards are whose primaries are on this silo.</summary>
    public static SiloPlaces Places(CopyHost host)
    {
        List<PrimaryPlace> places = [];
        foreach (HostedCopy hosted in host.All)
        {
            if (hosted.Primary is { IsDown: false } primary)
                places.Add(hosted.Use(copy => PlaceOf(copy, primary, hosted.IsPinned)));
        }

        return new SiloPlaces(places);
    }

    private static PrimaryPlace PlaceOf(ShardCopy copy, ShardPrimary primary, bool isPinned) => new(
        copy.Shard,
        primary.Epoch,
        [.. primary.Record.InSync.Select(member => member.Silo)],
        [.. primary.ViewLinks().Select(link => link.Silo)],
        primary.Wanted is { } wanted ? [.. wanted] : null,
        copy.Store.MemoryBytes,
        isPinned);

    public async ValueTask<CopyDigest?> DigestAsync(int shard)
    {
        if (host.Find(shard) is not { } hosted)
            return null;
        CopyDigest answer = new() { Shard = shard, Silo = host.Silo, IsPrimary = hosted.Primary is { IsDown: false } };
        ContentDigest digest = new();
        (ShardCopy copy, ShardSnapshot? scan, long offset, FrozenSessions sessions) = hosted.Use(copy =>
            (copy, copy.State == CopyState.Complete && !hosted.IsFreed ? copy.Store.BeginSnapshot(copy.Store.LastVersion) : null, copy.Applied, copy.Sessions.Freeze()));
        if (scan is null)
            return answer with { Problem = $"the copy is {copy.State}" };
        try
        {
            while (hosted.Use(current => current == copy && scan.Next(digest, DigestSliceEntries, DigestSliceBytes)))
                await Task.Yield();
            return hosted.Copy == copy
                ? answer with { Offset = offset, Entries = digest.Entries, Digest = digest.ToString(), Sessions = sessions.Digest().ToString("x16", CultureInfo.InvariantCulture) }
                : answer with { Problem = "the copy was replaced meanwhile" };
        }
        finally
        {
            hosted.Use(_ =>
            {
                scan.Dispose();
                return true;
            });
        }
    }

    public async ValueTask<string?> DropReplicaAsync(int shard)
    {
        if (host.Find(shard) is not { } hosted)
            return $"silo {host.Silo} has no copy of shard {shard}";
        (string? problem, long epoch) = hosted.Use(copy => (
            hosted.Primary is { IsDown: false } ? $"silo {host.Silo} has the primary of shard {shard}; only replicas can be dropped"
            : hosted.Replica is null ? $"nobody works on the copy of shard {shard} at silo {host.Silo} right now: it is being taken over, or about to follow; look at the status and try again"
            : host.Drop(hosted) ? null
            : $"the copy of shard {shard} has just been replaced; look at the status and try again",
            copy.EpochSeen));
        if (problem is not null)
            return problem;

        events.Add(EventKind.CopyDropped, EventSeverity.Warning, shard, epoch, "an operator dropped this silo's copy; it comes back by a full sync");

        // The primary would notice by the silence only: an empty copy that attaches tells it at once.
        await grains.GetGrain<IReplicaGrain>(SiloBoundKey.ForReplica(shard, host.Silo)).FollowAsync(epoch, endedAttach: 0);
        return null;
    }

    public ValueTask<DevelopmentValue> ReadDevelopmentAsync(string key) => new(development.Read(key));

    public ValueTask<long> WriteDevelopmentAsync(string key, byte[]? value, long tag) => new(development.Write(key, value, tag));

    private static PrimaryView ViewOf(int shard, ShardPrimary primary, bool isPinned) => new(
        shard,
        primary.Epoch,
        primary.LogEnd,
        primary.Committed,
        [.. primary.Record.InSync.Select(copy => copy.Silo)],
        [.. primary.ViewLinks().Select(StatusOf)],
        primary.LastWindow?.Text ?? "",
        [.. primary.Laggards],
        primary.Wanted,
        isPinned,
        StatusOf(primary.LastWindow));

    private static SyncWindowStatus? StatusOf(WindowDecision? decided) => decided is null ? null : new()
    {
        Codec = decided.Reason == CodecReason.EveryMemberDecodes ? "lz4" : "none",
        Reason = ReplicationInstruments.NameOf(decided.Reason),
        Members = decided.Members,
        CannotDecode = decided.CannotDecode,
        LeftForNext = decided.LeftForNext,
    };

    private static LinkStatus StatusOf(LinkView link) => new()
    {
        Silo = link.Silo,
        Phase = link.Phase.ToString(),
        DualChannel = link.DualChannel,
        Codec = link.Packed ? "lz4" : "plain",
        RawBytes = link.RawBytes,
        WireBytes = link.WireBytes,
        BackingOff = link.BackingOff,
        PinnedBytes = link.PinnedBytes,
        PinBudgetBytes = link.PinBudgetBytes,
        KeptBytes = link.KeptBytes,
    };

    private static CopyStatus StatusOf(HostedCopy hosted, ShardCopy copy)
    {
        bool reigns = hosted.Primary is { IsDown: false };
        ShardReplica? replica = reigns ? null : hosted.Replica;
        LogPosition position = copy.Position;
        return new CopyStatus
        {
            Shard = copy.Shard,
            Silo = copy.Name.Silo,
            CopyId = copy.Name.CopyId.ToString()[..8],
            IsPrimary = reigns,
            State = copy.State.ToString(),
            Phase = reigns ? "Reigning" : (replica?.Phase ?? ReplicaPhase.Detached).ToString(),
            Epoch = position.Epoch,
            LogEnd = position.Offset,
            Applied = copy.Applied,
            Entries = copy.Store.Entries,
            DataBytes = copy.Store.MemoryBytes,
            LogBytes = copy.Log.Bytes,
            LoadedEntries = replica?.Load?.Entries ?? 0,
            LoadedWireBytes = replica?.Load?.WireBytes ?? 0,
            LoadedRawBytes = replica?.Load?.RawBytes ?? 0,
            Faulted = replica?.IsFaulted ?? false,
            Fault = replica?.Fault ?? "",
        };
    }
}

/// <summary>Reaches the service of a given silo.</summary>
internal interface IGridSiloServiceClient : IGrainServiceClient<IGridSiloService>
{
    /// <summary>The service on <paramref name="silo"/>.</summary>
    IGridSiloService At(SiloAddress silo);
}

internal sealed class GridSiloServiceClient(IServiceProvider services) : GrainServiceClient<IGridSiloService>(services), IGridSiloServiceClient
{
    public IGridSiloService At(SiloAddress silo) => GetGrainService(silo);
}
