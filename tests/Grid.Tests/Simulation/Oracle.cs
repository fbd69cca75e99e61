using System.Runtime.CompilerServices;
using System.Text;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Log;
using Grid.Replication.Records;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>
/// Knows the truth about one shard, every mutation that any primary ever appended, and asserts the invariants of the
/// protocol after every step. The numbers in messages are theirs.
/// </summary>
internal sealed partial class Oracle(World world, int shard)
{
    private readonly Dictionary<LogPosition, TrueMutation> _truth = [];
    private readonly Dictionary<long, Reign> _reigns = [];
    private readonly Dictionary<ShardCopy, CopyCheck> _copies = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<ShardCopy, (PathModel Model, long To)> _models = new(ReferenceEqualityComparer.Instance);
    private LogPosition _acknowledged;
    private LogPosition _committed;
    private readonly HashSet<(int, string)> _seen = [];

    /// <summary>Full syncs that primaries announced.</summary>
    public int FullSyncs { get; private set; }

    /// <summary>Times that links ended.</summary>
    public int LinksEnded { get; private set; }

    /// <summary>The newest position of which a client was told that it is safe.</summary>
    public LogPosition Acknowledged => _acknowledged;

    public void Check()
    {
        foreach (SimSilo silo in world.Running)
        {
            Slot slot = silo.Slot(shard);
            foreach (SimPrimary ghost in slot.Ghosts)
                CheckPrimary(ghost);
            if (slot.Primary is { } primary)
                CheckPrimary(primary);
            if (slot.Copy is { } copy)
                CheckCopy(slot, copy);
        }

        CheckRecord(world.Store.Current(shard), "the record");
        foreach (ShardRecord record in world.Store.MayLand(shard))
        {
            if (record.Lineage == world.Store.Current(shard).Lineage)
                CheckRecord(record, "a record on its way");
        }
    }

    /// <summary>A snapshot was loaded: its contents must be those of its base, exactly.</summary>
    public void OnLoaded(ShardCopy copy) => CheckContents(copy);

    public void OnRecord(ShardRecord before, ShardRecord after)
    {
        Require(after.Epoch >= before.Epoch && after.Version == before.Version + 1, $"6: the record fell from {before} to {after}");
        Require(after.Primary is { } primary && after.Names(primary), $"13: the primary is not in the in-sync set of {after}");
        if (after.Lineage != before.Lineage)
            OnLoss(before, after);
        else if (after.Epoch > before.Epoch && before.Epoch > 0)
            Require(after.InSync.All(before.Names), $"13: a reign begins with copies that were not in sync before: {before} became {after}");
    }

    /// <summary>All copies hold the same and what is true; nothing that was acknowledged is missing.</summary>
    public void CheckEqualCopies()
    {
        foreach (SimSilo silo in world.Running)
        {
            if (silo.Slot(shard).Copy is { State: CopyState.Complete } copy)
                CheckContents(copy);
        }
    }

    private void CheckRecord(ShardRecord record, string what)
    {
        foreach (CopyName name in record.InSync)
        {
            if (Named(name) is not { } copy)
                continue;
            Require(copy.State == CopyState.Complete, $"13: {what} names {name}, which is {copy.State}");
            Require(Holds(copy, _acknowledged), $"1: {what} names {name} at {copy.Position}, which lacks the acknowledged write {_acknowledged}");
            Require(Holds(copy, _committed), $"1: {what} names {name} at {copy.Position}, which lacks the committed {_committed}");
        }
    }

    private void CheckCopy(Slot slot, ShardCopy copy)
    {
        if (!_copies.TryGetValue(copy, out CopyCheck? check))
        {
            _copies.Add(copy, check = new CopyCheck { VerifiedTo = copy.Log.FirstOffset - 1, AppliedByReign = copy.Applied });
            if (copy.State != CopyState.Loading)
                CheckContents(copy);
        }

        check.VerifiedTo = Math.Max(Math.Min(check.VerifiedTo, copy.Log.EndOffset), copy.Log.FirstOffset - 1);
        while (check.VerifiedTo < copy.Log.EndOffset)
            check.VerifiedTo = VerifyMutations(copy, check.VerifiedTo + 1);
        if (copy.Log.EndOffset > 0 && copy.State == CopyState.Complete)
            Require(IsTrue(copy.Position), $"3: {copy.Name} is at {copy.Position}, which nobody ever appended");
        if (slot.Primary is not null || slot.Ghosts.Exists(ghost => copy.IsOwnedBy(ghost.Token)))
        {
            check.AppliedByReign = copy.Applied;
            return;
        }

        if (copy.State == CopyState.Loading)
        {
            CheckKept(slot, copy);
            return;
        }

        if (world.Steps % 50 == 0)
            CheckContents(copy);
        CheckFreshness(slot.Silo, copy, check);
        Require(
            copy.Applied <= Math.Max(copy.CommittedSeen, check.AppliedByReign),
            $"5: {copy.Name} applied {copy.Applied}, has seen {copy.CommittedSeen} committed");
        if (IsGivenUp(copy.Lineage))
            return;
        Require(copy.CommittedSeen <= _committed.Offset, $"5: {copy.Name} saw {copy.CommittedSeen} committed, no primary is beyond {_committed}");
        if (slot.Replica is { } replica)
            CheckReplica(slot, replica);
    }

    private void CheckReplica(Slot slot, SimReplica replica)
    {
        if (slot.Coming is { State: CopyState.Loading } coming)
            CheckKept(slot, coming);
        ShardCopy copy = replica.Core.Copy;
        LogPosition applied = new(copy.History.EpochAt(copy.Applied), copy.Applied);
        if (replica.Core.MayServe && applied.Offset > 0)
            Require(applied.Offset <= _committed.Offset && _reigns[_committed.Epoch].Holds(applied), $"5: {copy.Name} may serve reads at {applied}, only {_committed} is committed");
        if (replica.Core.Phase != Grid.Replication.Replica.ReplicaPhase.Following || replica.Core.EpochFollowed == 0)
            return;
        Require(
            replica.Core.EpochFollowed >= replica.Core.Copy.EpochSeen,
            $"1: {slot.Silo.Name} follows epoch {replica.Core.EpochFollowed} and has seen epoch {replica.Core.Copy.EpochSeen}");
        LogPosition position = replica.Core.Copy.Position;
        Reign reign = _reigns[replica.Core.EpochFollowed];
        Require(
            reign.Holds(position),
            $"4: {slot.Silo.Name} follows epoch {reign.Epoch} at {position}, which is no part of that reign's log");
    }

    private void CheckKept(Slot slot, ShardCopy loading)
    {
        long keptMax = world.Plan.Replica.KeptBytesMax;
        Require(loading.Log.Bytes <= keptMax, $"12: {slot.Silo.Name} keeps {loading.Log.Bytes} bytes of mutations, {keptMax} are allowed");
    }

    /// <summary>Every byte in a log is what some primary put there under that very number.</summary>
    private long VerifyMutations(ShardCopy copy, long from)
    {
        LogSlice slice = copy.Log.Read(from, 64 << 10);
        ReadOnlySpan<byte> rest = slice.Bytes;
        for (int i = 0; i < slice.Count; i++)
        {
            LogPosition at = new(slice.Epoch, slice.FirstOffset + i);
            Require(copy.History.EpochAt(at.Offset) == at.Epoch, $"3: {copy.Name} has {at} in its log, its history says epoch {copy.History.EpochAt(at.Offset)}");
            Require(
                _truth.TryGetValue(at, out TrueMutation? mutation) && rest.StartsWith(mutation.Bytes),
                $"3: {copy.Name} holds another mutation under {at} than the primary appended");
            rest = rest[mutation!.Bytes.Length..];
        }

        Require(rest.IsEmpty, $"3: {copy.Name} holds {rest.Length} bytes behind {slice.FirstOffset + slice.Count - 1} that belong to no mutation");

        return slice.FirstOffset + slice.Count - 1;
    }

    /// <summary>The copy's data are exactly what its mutations make: contents, versions, expiries.</summary>
    private void CheckContents(ShardCopy copy)
    {
        LogPosition applied = new(copy.History.EpochAt(copy.Applied), copy.Applied);
        if (copy.Applied > 0)
            Require(IsTrue(applied), $"4: {copy.Name} applied {applied}, which nobody ever appended");
        PathModel model = Fold(copy, applied);
        _seen.Clear();
        foreach (Keyspace keyspace in copy.Store.Keyspaces)
        {
            Comparison comparison = new(keyspace.Id, model, _seen);
            keyspace.Scan(0, int.MaxValue, int.MaxValue, 0, comparison);
            Require(comparison.Wrong is null, $"4: {copy.Name} at {applied} has {comparison.Wrong}");
        }

        Require(_seen.Count == model.Entries.Count, $"4: {copy.Name} at {applied} has nothing for {string.Join(", ", model.Entries.Keys.Where(key => !_seen.Contains(key)).Take(5))}");
        string? sessions = model.Sessions.Compare(copy.Sessions);
        Require(sessions is null, $"4: {copy.Name} at {applied} remembers {sessions}");
        Require(
            model.Names.All(name => copy.Store.Find(name.Key)?.Name == name.Value),
            $"4: {copy.Name} at {applied} does not know the keyspaces");
    }

    /// <summary>What a copy must hold after what it applied; applied mutations are never taken back, so the model only grows.</summary>
    private PathModel Fold(ShardCopy copy, LogPosition to)
    {
        if (!_models.TryGetValue(copy, out (PathModel Model, long To) folded))
            folded = (new PathModel(), 0);
        for (long offset = folded.To + 1; offset <= to.Offset; offset++)
            folded.Model.Apply(_truth[new LogPosition(_reigns[to.Epoch].EpochAt(offset), offset)], null);
        _models[copy] = (folded.Model, to.Offset);
        return folded.Model;
    }

    private bool IsTrue(LogPosition position) => _truth.ContainsKey(position);

    private static bool Holds(ShardCopy copy, LogPosition position) =>
        position.Offset == 0 || (copy.Log.EndOffset >= position.Offset && copy.History.EpochAt(position.Offset) == position.Epoch);

    private void Require(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ref BrokenText broken)
    {
        if (!holds)
            throw world.Violation($"Shard {shard}, invariant {broken.Take()}.");
    }

    private sealed class CopyCheck
    {
        public long VerifiedTo;
        public long AppliedByReign;
        public long FreshAtMs = long.MinValue;
    }

    /// <summary>Compares a keyspace's entries with what they must be; looks at bytes, as there are many.</summary>
    private sealed class Comparison(int keyspace, PathModel model, HashSet<(int, string)> seen) : IEntrySink
    {
        /// <summary>The first entry that is not as it must be.</summary>
        public string? Wrong { get; private set; }

        public void OnEntry(ReadOnlySpan<byte> key, in EntryView entry)
        {
            (int, string) name = (keyspace, Encoding.UTF8.GetString(key));
            bool isExpected = model.Entries.TryGetValue(name, out (string Value, ulong Version, long Expiry) expected);
            if (!seen.Add(name))
                Wrong ??= $"{name} twice";
            else if (!isExpected || entry.Version != expected.Version || entry.ExpiryUnixMs != expected.Expiry || !Ascii.Equals(entry.Value, expected.Value))
                Wrong ??= $"{name} as {(Encoding.UTF8.GetString(entry.Value), entry.Version, entry.ExpiryUnixMs)}, not {(isExpected ? expected : "at all")}";
        }
    }
}
