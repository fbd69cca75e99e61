using System.Text;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <content>Leases and what rests on them: who may vouch for being the only one, and how fresh a copy is.</content>
internal sealed partial class Oracle
{
    private readonly HashSet<(long Epoch, CopyName Copy)> _granted = [];
    private readonly List<(long AtMs, LogPosition Committed)> _commits = [];

    public void OnGrant(long epoch, CopyName copy) => _granted.Add((epoch, copy));

    /// <summary>A set grows only by copies that have granted the reign a lease, and lets one that is well go only when enough others are in it.</summary>
    public void OnProposal(SimPrimary primary, ShardRecord proposed)
    {
        ShardRecord before = primary.Core.Record;
        foreach (CopyName member in proposed.Members.Where(member => !before.Names(member)))
            Require(_granted.Contains((proposed.Epoch, member)), $"lease: {member} is to join and has granted nothing to epoch {proposed.Epoch}");
        int stay = proposed.Members.Count(before.Names);
        foreach (CopyName member in before.Members.Where(member => !proposed.Names(member) && primary.FindsWell(member)))
            Require(stay >= primary.Options.Replicas, $"in-sync: {member}, which is well, is to leave {before} when only {stay} others have everything: {proposed}; replicas are wanted on {string.Join(" ", primary.Core.Wanted ?? [])}");
    }

    /// <summary>An epoch commits or answers: no primary of a lower one may hold a lease that it could serve under.</summary>
    private void CheckLeases(long epoch, string what)
    {
        foreach (SimSilo silo in world.Running)
        {
            Slot slot = silo.Slot(shard);
            if (slot.Primary is { } primary)
                CheckLease(primary, epoch, what);
            foreach (SimPrimary ghost in slot.Ghosts)
                CheckLease(ghost, epoch, what);
        }
    }

    private void CheckLease(SimPrimary primary, long epoch, string what) => Require(
        primary.Core.Epoch >= epoch || primary.Core.IsDown || !primary.Copy.IsOwnedBy(primary.Token) || !primary.Core.HoldsLease(primary.Now),
        $"7: epoch {epoch} {what} while {primary.Silo.Name} holds a lease for epoch {primary.Core.Epoch}");

    private void NoteCommit()
    {
        if (_commits.Count > 0 && _commits[^1].AtMs == world.NowMs)
            _commits[^1] = (world.NowMs, _committed);
        else
            _commits.Add((world.NowMs, _committed));
    }

    /// <summary>A copy that claims to be as new as the shard was at some moment holds all that was committed then.</summary>
    private void CheckFreshness(SimSilo silo, ShardCopy copy, CopyCheck check)
    {
        if (copy.FreshAtMs == check.FreshAtMs || copy.FreshAtMs == long.MinValue)
            return;
        check.FreshAtMs = copy.FreshAtMs;
        LogPosition due = CommittedAt(silo.TrueMs(copy.FreshAtMs) - 2);
        Require(
            due.Offset == 0 || (copy.Applied >= due.Offset && copy.History.EpochAt(due.Offset) == due.Epoch),
            $"freshness: {copy.Name} has applied {copy.Applied} and claims to be as new as the shard was {world.NowMs - silo.TrueMs(copy.FreshAtMs)} ms ago, when {due} was committed");
    }

    /// <summary>A reader on the silo looks into its copy: what it finds was so between the claimed moment and now.</summary>
    public void ReadLocally(SimSilo silo, SimReplica replica)
    {
        ShardCopy copy = replica.Core.Copy;
        if (!replica.Core.MayServe || copy.FreshAtMs == long.MinValue || copy.Applied == 0)
            return;
        world.Count("LocalRead");
        Reign reign = _reigns[copy.History.EpochAt(copy.Applied)];
        LogPosition from = CommittedAt(silo.TrueMs(copy.FreshAtMs) - 2);
        foreach (Keyspace keyspace in copy.Store.Keyspaces)
        {
            string key = $"k{world.Random.Below(world.Plan.Keys)}";
            byte[] bytes = Encoding.UTF8.GetBytes(key);
            long unixMs = world.Now(silo).UnixMs;
            bool found = keyspace.Lookup(bytes, KeyHash.Compute(bytes), world.Plan.Broken.HasFlag(RuntimeBug.ShowsExpiredLocally) ? 0 : unixMs, out EntryView entry) == EntryState.Live;
            ulong version = found ? entry.Version : 0;
            Require(!found || entry.ExpiryUnixMs == 0 || entry.ExpiryUnixMs > unixMs, $"freshness: {copy.Name} shows {keyspace.Name}/{key}, which has expired by its clock");
            Require(
                reign.Times.Was(keyspace.Name, key, Math.Min(from.Offset, copy.Applied), copy.Applied, state => state.Version == version || (!found && state.Expiry != 0 && state.Expiry <= unixMs)),
                $"freshness: {copy.Name} shows {keyspace.Name}/{key} with version {version:x}, which it never had between {from} and {copy.Applied}");
        }
    }

    private LogPosition CommittedAt(long ms)
    {
        int low = 0, high = _commits.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_commits[middle].AtMs <= ms)
                low = middle + 1;
            else
                high = middle;
        }

        return low == 0 ? default : _commits[low - 1].Committed;
    }
}
