using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Time;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Replication.Rigs;

/// <summary>What a stage is like.</summary>
internal sealed record StageSettings
{
    public PrimaryOptions Primary { get; init; } = new() { Replicas = 2, ReplicaTimeoutMs = 1000, HeartbeatMs = 200 };

    public ReplicaOptions Replica { get; init; } = new() { ReplicaTimeoutMs = 1000 };

    /// <summary>Bytes of a snapshot's pieces.</summary>
    public int PieceBytes { get; init; } = 400;

    /// <summary>Whether the transcript shows each mutation and each acknowledgement.</summary>
    public bool ShowsCommands { get; init; } = true;

    /// <summary>Whether the transcript shows each grant, and when a primary comes to hold its lease or holds it no more.</summary>
    public bool ShowsLeases { get; init; }
}

/// <summary>A client's request and its reply.</summary>
internal sealed class StageCall(string? label)
{
    /// <summary>How the transcript names it; null where it does not.</summary>
    public string? Label { get; } = label;

    public Answer? Answer { get; set; }
}

/// <summary>
/// A primary and its replicas, all of them the real state machines, which talk to each other in memory while a clock is
/// stepped; the snapshot goes through the real encoder and decoder, everything travels in real items. A scenario is a
/// short script; what was said on the stage is its assertion.
/// </summary>
/// <remarks>
/// Deterministic: within a step all that can be delivered is, in the order of the silos' names. Whatever takes time in
/// a cluster takes whole steps here.
/// </remarks>
internal sealed partial class Stage : IDisposable
{
    public const int StepMs = 10;
    public const int TickMs = 50;

    private readonly SortedDictionary<string, StageSilo> _silos = new(StringComparer.Ordinal);
    private readonly HashSet<string> _alive = [];
    private readonly Queue<Action> _calls = new();
    private readonly List<(long AtMs, Action Land)> _landings = [];
    private readonly Transcript _transcript = new();
    private readonly Dictionary<StageCall, StagePrimary> _waiting = [];
    private StagePrimary? _primary;

    public Stage(StageSettings? settings = null)
    {
        Settings = settings ?? new StageSettings();
        ShardRecord fresh = ShardRecord.Fresh(0, PrimaryRig.Lineage, Entropy.NextGuid());
        StageSilo a = Add("a", Settings.Replica);
        a.Copy.State = CopyState.Complete;
        a.Copy.Lineage = PrimaryRig.Lineage;
        Store = new StageStore(this, fresh.WithPrimary(a.Copy.Name, 1, [], Entropy.NextGuid()));
        Reign(a, Store.Current);
        Pump();
    }

    public StageSettings Settings { get; private set; }

    public PagePool Pages { get; } = new();

    public IEntropy Entropy { get; } = new CountedEntropy(7);

    public StageStore Store { get; }

    public long Ms { get; private set; }

    public Instant Now => new(1000 + Ms, 1_700_000_000_000 + Ms);

    /// <summary>Snapshots begun.</summary>
    public int Rounds { get; set; }

    public List<(PrimaryEvent What, string Silo, string Details)> Events { get; } = [];

    public StagePrimary Primary => _primary ?? throw new InvalidOperationException("Nobody reigns.");

    public string PrimaryName => _primary?.Silo ?? "nobody";

    public StageSilo Silo(string name) => _silos[name];

    public void Call(Action call) => _calls.Enqueue(call);

    public void At(long ms, Action land) => _landings.Add((ms, land));

    public void Act(string what) => _transcript.Act(Ms, what);

    public void Say(string silo, string what) => _transcript.Say(Ms, silo, what);

    public void Pass(string from, string arrow, string to, string what) => _transcript.Pass(Ms, from, arrow, to, what);

    public static string Text(ReplicaCapabilities capabilities) => capabilities == ReplicaCapabilities.None
        ? "plaintext, single channel"
        : $"{(capabilities.HasFlag(ReplicaCapabilities.Lz4) ? "lz4" : "plaintext")}, {(capabilities.HasFlag(ReplicaCapabilities.DualChannel) ? "dual" : "single")} channel";

    public AttachAnswer? Attach(AttachRequest request) =>
        _primary is { IsGone: false } primary && Reaches(request.Copy.Silo, primary.Silo) ? primary.Core.OnAttach(request, Now) : null;

    public void Acknowledge(Acknowledgement acknowledgement)
    {
        if (_primary is { IsGone: false } primary && Reaches(acknowledgement.Copy.Silo, primary.Silo))
            primary.Core.OnAcknowledged(acknowledgement, Now);
    }

    public void ItemSent(string silo, long attach)
    {
        if (_primary is { IsGone: false } primary)
            primary.Core.OnSent(silo, attach, Now);
    }

    public void Replied(StageCall call, Answer answer)
    {
        _waiting.Remove(call);
        call.Answer = answer;
        if (call.Label is not null)
            Say("client", $"{call.Label}: {answer.Status}{(answer.Results.Count == 1 ? $", {answer.Only.Status}{(answer.Only.Value is { } value ? $" {value}" : "")}" : "")}");
    }

    /// <summary>Compare-and-set, which takes a step.</summary>
    public void WriteRecord(StagePrimary from, ShardRecord proposed) =>
        Store.Write(from.Silo, proposed, from.Core.Record.Nonce, () => !from.IsGone, (outcome, current) => from.Core.OnRecordWritten(outcome, current, Now));

    public void Dispose()
    {
        _primary?.Vanish();
        _former?.Vanish();
        foreach (StageSilo silo in _silos.Values)
        {
            silo.EndReplica();
            silo.Copy.Dispose();
        }

        // Whatever was loaded and dropped, kept and thrown away on the way: all of it has been given back.
        Assert.Equal(0, Pages.RentedBytes);
    }

    private StageSilo Add(string name, ReplicaOptions options)
    {
        StageSilo silo = new(this, name, options);
        _silos.Add(name, silo);
        _alive.Add(name);
        return silo;
    }

    private void Step()
    {
        Ms += StepMs;
        foreach ((long AtMs, Action Land) landing in _landings.Where(landing => landing.AtMs <= Ms).ToArray())
        {
            _landings.Remove(landing);
            landing.Land();
        }

        _former?.Step();
        _primary?.Step();
        if (Ms % TickMs == 0)
        {
            foreach (StageSilo silo in _silos.Values)
                silo.Replica?.Tick(Now);
        }

        Pump();
    }

    /// <summary>Delivers until nothing moves any more.</summary>
    private void Pump()
    {
        bool moves = true;
        for (int round = 0; moves; round++)
        {
            Assert.True(round < 100_000, "The stage does not come to rest.");
            moves = _calls.Count > 0;
            while (_calls.TryDequeue(out Action? call))
                call();
            _former?.Flush();
            _primary?.Flush();
            foreach (StageSilo silo in _silos.Values)
                moves |= silo.Commands.TryDeliver() | silo.Snapshots.TryDeliver();
        }
    }
}
