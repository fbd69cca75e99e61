using Grid.Replication.Primary;
using Grid.Replication.Replica;

namespace Grid.Tests.Simulation;

/// <content>
/// Full syncs: within a reign a silo gets another one only when something has befallen it, its primary or what lies between them since the last one. What the state
/// machines do to each other of their own accord is no such thing, so that no loop of full syncs goes unseen.
/// </content>
internal sealed partial class Oracle
{
    private readonly Dictionary<string, long> _syncedIn = [];
    private readonly HashSet<string> _befallen = [];
    private readonly HashSet<string> _excused = [];
    private readonly Dictionary<(long Epoch, string Silo), long> _budgets = [];

    /// <summary>Something has befallen a silo that may cost it its link, or what it has loaded so far; it counts until the silo has attached anew.</summary>
    public void NoteCause(string silo, string cause)
    {
        if (_befallen.Add(silo))
            world.Note($"{silo} shard {shard} may need another full sync: {cause}");
    }

    /// <summary>Something has befallen a silo: it concerns its own copy, and everybody who follows a primary there.</summary>
    public void NoteCause(SimSilo silo, string cause)
    {
        NoteCause(silo.Name, cause);
        if (silo.Slot(shard).Primary is null && silo.Slot(shard).Ghosts.Count == 0)
            return;
        foreach (string other in _syncedIn.Keys)
            NoteCause(other, cause);
    }

    /// <summary>What a replica tells of is a cause only if its primary's silence is to blame, or its settings.</summary>
    public void NoteCause(SimSilo silo, ReplicaEvent what, string details)
    {
        if (what is ReplicaEvent.LoadStalled or ReplicaEvent.SettingsChanged || details.StartsWith("the primary is silent", StringComparison.Ordinal))
            NoteCause(silo.Name, $"{what}: {details}");
    }

    /// <summary>A primary ends links for causes of its own; that the replica has attached anew, or says what cannot be, is none.</summary>
    private void NoteCause(SimPrimary primary, PrimaryEvent what, string silo, string details)
    {
        if (what == PrimaryEvent.LinkEnded && details != "the replica attached anew" && !details.StartsWith("it acknowledged", StringComparison.Ordinal))
            NoteCause(silo, details);
        if (what == PrimaryEvent.SnapshotJoined)
            OnFullSync(primary, silo);
    }

    /// <summary>A silo has attached: what befell it before explains this one, nothing after it.</summary>
    private void NoteAttached(string silo)
    {
        if (_befallen.Remove(silo))
            _excused.Add(silo);
    }

    private void OnFullSync(SimPrimary primary, string silo)
    {
        long epoch = primary.Core.Epoch;
        Require(
            _syncedIn.GetValueOrDefault(silo) != epoch || _excused.Remove(silo) || _befallen.Contains(silo),
            $"full syncs: {silo} gets one more in epoch {epoch}, and nothing has befallen it since the attach that the last one was for");
        _syncedIn[silo] = epoch;
    }

    /// <summary>Who overruns its budget of pinned log has twice as much the next time, up to the largest.</summary>
    private void NoteBudget(SimPrimary primary, PrimaryEvent what, string silo)
    {
        ShardPrimary core = primary.Core;
        if (what == PrimaryEvent.InSyncChanged)
        {
            foreach (string member in core.Record.Members.Select(member => member.Silo))
                _budgets.Remove((core.Epoch, member));
        }

        if (what is not (PrimaryEvent.PinOverrun or PrimaryEvent.CannotKeepUp))
            return;
        long budget = BudgetOf(primary, silo);
        long pinned = primary.Copy.Log.BytesFrom(core.Links.First(link => link.Silo == silo).NextOffset);
        Require(pinned > budget, $"links: {silo} pins {pinned} bytes of log and is dropped for it, it may pin {budget}");
        _budgets[(core.Epoch, silo)] = Math.Min(2 * budget, Math.Max(budget, primary.Options.SyncPinBytesMax));
    }

    private long BudgetOf(SimPrimary primary, string silo) => _budgets.GetValueOrDefault((primary.Core.Epoch, silo), primary.Options.SyncPinBytes);

    /// <summary>A write is refused for want of room: only while something is uncommitted that takes it, and when no laggard holds the log up any more.</summary>
    private void CheckRefusal(SimPrimary primary, ClientCall call)
    {
        ShardPrimary core = primary.Core;
        long uncommitted = primary.Copy.Log.BytesFrom(core.Committed + 1);
        Require(uncommitted > primary.Options.UncommittedBytesMax, $"12: {call} is refused while {uncommitted} bytes are uncommitted, {primary.Options.UncommittedBytesMax} may be");
        foreach (PrimaryLink link in core.Links.Where(link => link.Pins && !core.RequiredMembers().Contains(link.Copy)))
        {
            long pinned = primary.Copy.Log.BytesFrom(link.NextOffset);
            Require(pinned <= BudgetOf(primary, link.Silo), $"12: {call} is refused while {link.Silo}, which is not in sync, pins {pinned} bytes of log");
        }
    }
}
