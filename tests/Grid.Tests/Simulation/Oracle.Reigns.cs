using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Log;
using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <content>What primaries do: appends, commits, replies, snapshots.</content>
internal sealed partial class Oracle
{
    private readonly Dictionary<(long Epoch, ClientCall Call), long[]> _dependsAtLeast = [];

    public void OnReignBegins(SimPrimary primary)
    {
        long epoch = primary.Core.Epoch;
        Require(!_reigns.ContainsKey(epoch), $"3: epoch {epoch} begins twice");
        Require(primary.Copy.State == Grid.Replication.Copies.CopyState.Complete, $"13: {primary.Copy.Name} reigns and is {primary.Copy.State}");
        Require(Holds(primary.Copy, _committed), $"1: {primary.Copy.Name} at {primary.Copy.Position} begins epoch {epoch} without the committed {_committed}");
        Reign reign = new(epoch, [.. primary.Copy.History.Starts], primary.Copy.Log.EndOffset) { LogBegan = primary.Copy.Log.FirstOffset };
        for (long offset = 1; offset <= reign.End; offset++)
            reign.Model.Apply(_truth[new LogPosition(reign.EpochAt(offset), offset)], IsOrdered);
        _reigns.Add(epoch, reign);
    }

    public void OnReignEnds(SimPrimary primary) => CheckPrimary(primary);

    public void OnReport(PrimaryEvent what)
    {
        FullSyncs += what == PrimaryEvent.WindowClosed ? 1 : 0;
        LinksEnded += what == PrimaryEvent.LinkEnded ? 1 : 0;
    }

    public void OnSnapshot(SimPrimary primary, SnapshotPlan plan, bool allCapable)
    {
        PrimaryOptions options = world.Plan.Primary;
        Require(
            plan.Announcement.Compressed == (options.Compress && allCapable),
            $"cohort-AND: compressed {plan.Announcement.Compressed} for a cohort of {plan.Members.Count}, compression {options.Compress}, all capable {allCapable}");
        Require(options.MaxCohort == 0 || plan.Members.Count <= options.MaxCohort, $"12: a cohort of {plan.Members.Count}, at most {options.MaxCohort} allowed");
        Require(plan.Announcement.BaseOffset == primary.Core.LogEnd, $"snapshot: base {plan.Announcement.BaseOffset} is not the log's end {primary.Core.LogEnd}");
        foreach (SnapshotMember member in plan.Members)
        {
            ShardRecord record = world.Store.Current(shard);
            CopyNameOf(member.Silo, out CopyName? old);
            Require(
                old is null || record.Epoch != primary.Core.Epoch || !record.Names(old.Value),
                $"in-sync: {member.Silo} gets a full sync while the record names its copy {old}");
        }
    }

    public void BeforeExecute(SimPrimary primary, ClientCall call)
    {
        CheckPrimary(primary);
        if (!_reigns.TryGetValue(primary.Core.Epoch, out Reign? reign) || _dependsAtLeast.ContainsKey((reign.Epoch, call)))
            return;
        _dependsAtLeast[(reign.Epoch, call)] = [.. call.Operations.Select(operation =>
            !operation.Looks ? 0 : operation.Kind == OperationKind.Scan ? reign.End : reign.Model.NewestOf(operation.Keyspace, operation.Key))];
    }

    /// <summary>A reply leaves: everything that it depends on must be committed.</summary>
    public void OnReply(SimPrimary primary, ClientCall call, byte[] reply)
    {
        CheckPrimary(primary);
        ReplyHeader header = ReplyHeader.Read(reply);
        if (header.Status != BatchStatus.Ok)
            return;
        _dependsAtLeast.Remove((primary.Core.Epoch, call), out long[]? depends);
        long committed = primary.Core.Committed;
        Require(header.Epoch == primary.Core.Epoch, $"9: a reply of epoch {header.Epoch} in epoch {primary.Core.Epoch}");
        Reign reign = _reigns[primary.Core.Epoch];
        List<SimResult> results = ClientCall.ReadResults(reply);
        Require(results.Count == call.Operations.Count, $"10: {results.Count} results for {call}");
        for (int i = 0; i < results.Count; i++)
        {
            bool looked = results[i].Status is not (OperationStatus.NotEnoughReplicas or OperationStatus.Overloaded or OperationStatus.Invalid);
            Require(
                !looked || depends is null || depends[i] <= committed,
                $"9: result {i} of {call}, {results[i].Status}, depends on {depends?[i]}, only {committed} is committed");
            CheckResult(reign, call, call.Operations[i], results[i], committed);
        }
    }

    private void CheckResult(Reign reign, ClientCall call, SimOperation operation, SimResult result, long committed)
    {
        if (result.Version == 0)
            return;
        LogPosition at = new(EntryVersion.Epoch(result.Version), EntryVersion.Offset(result.Version));
        Require(reign.Holds(at), $"9: the reply to {call} shows version {at}, which is no part of epoch {reign.Epoch}");
        bool isWrite = operation.Kind is OperationKind.Set or OperationKind.Increment or OperationKind.Expire && result.Status == OperationStatus.Ok;
        if (isWrite && call.Durability == WriteDurability.Primary)
            return;
        Require(at.Offset <= committed, $"9: the reply to {call} shows version {at}, only {committed} is committed");
        if (operation.Kind == OperationKind.Get)
        {
            TrueMutation written = _truth[at];
            Require(written.Key == operation.Key, $"9: the reply to {call} shows {at}, which wrote {written.Key}");
            Require(written.Kind != MutationKind.Set || written.Value == result.Value, $"9: the reply to {call} shows {at} with a value that was not written there");
        }

        if (isWrite && at.Offset > _acknowledged.Offset)
            _acknowledged = at;
    }

    private void CheckPrimary(SimPrimary primary)
    {
        if (!_reigns.TryGetValue(primary.Core.Epoch, out Reign? reign))
            return;
        Learn(primary, reign);
        ShardPrimary core = primary.Core;
        Require(core.Committed >= reign.Committed, $"6: committed fell from {reign.Committed} to {core.Committed} in epoch {core.Epoch}");
        Require(core.Committed <= core.LogEnd, $"6: {core.Committed} is committed of a log that ends at {core.LogEnd}");
        if (core.Committed > reign.Committed || reign.Committed == 0)
            Commit(reign, core.Committed);
        if (core.IsDown || !primary.Copy.IsOwnedBy(primary.Token))
            return;
        CheckRequired(core);
        foreach (PrimaryLink link in core.Links)
            CheckLink(core, link);
        PrimaryOptions options = world.Plan.Primary;
        Require(primary.Copy.Log.FirstOffset <= Math.Max(core.Committed + 1, reign.LogBegan), $"11: the log begins at {primary.Copy.Log.FirstOffset}, behind the committed {core.Committed}");
        long logMax = options.BacklogBytesMax + options.UncommittedBytesMax + (256 << 10);
        Require(primary.Copy.Log.Bytes <= logMax, $"12: the log holds {primary.Copy.Log.Bytes} bytes, more than {logMax}");
    }

    /// <summary>What is committed is in the log of every reign to come, and of one line with what was committed before.</summary>
    private void Commit(Reign reign, long committed)
    {
        LogPosition at = new(reign.EpochAt(committed), committed);
        reign.Committed = committed;
        if (committed > _committed.Offset)
        {
            Require(_committed.Offset == 0 || reign.EpochAt(_committed.Offset) == _committed.Epoch, $"6: epoch {reign.Epoch} commits {at} on a line without the committed {_committed}");
            _committed = at;
        }
        else if (committed > 0)
        {
            Require(_reigns[_committed.Epoch].EpochAt(committed) == at.Epoch, $"6: epoch {reign.Epoch} commits {at} beside the committed {_committed}");
        }
    }

    private void CheckRequired(ShardPrimary core)
    {
        ShardRecord stored = world.Store.Current(shard);
        HashSet<CopyName> required = [.. core.RequiredMembers()];
        foreach (ShardRecord record in world.Store.MayLand(shard).Append(stored))
        {
            if (record.Epoch == core.Epoch)
                Require(record.Members.All(required.Contains), $"2: the record may hold {record}, only {string.Join(", ", required)} are required");
        }
    }

    private void CheckLink(ShardPrimary core, PrimaryLink link)
    {
        Require(link.Unsent <= world.Plan.Primary.ItemsUnsentMax + 2, $"12: {link.Unsent} items to {link.Silo} are unsent");
        if (link.Phase != LinkPhase.Online || link.Acknowledged < 0)
            return;
        Slot? slot = world.Find(link.Silo)?.Slot(shard);
        if (slot?.Copy is { } copy && copy.Name == link.Copy && slot.Replica?.Core.AttachNumber == link.Attach)
            Require(link.Acknowledged <= copy.Log.EndOffset, $"8: {link.Silo} is noted at {link.Acknowledged} in epoch {core.Epoch}, its log ends at {copy.Log.EndOffset}");
    }

    /// <summary>Takes what the primary appended into the truth.</summary>
    private void Learn(SimPrimary primary, Reign reign)
    {
        while (reign.End < primary.Copy.Log.EndOffset && primary.Copy.IsOwnedBy(primary.Token))
        {
            LogSlice slice = primary.Copy.Log.Read(reign.End + 1, 64 << 10);
            ReadOnlySpan<byte> rest = slice.Bytes;
            for (int i = 0; i < slice.Count; i++)
            {
                TrueMutation mutation = TrueMutation.Of(slice.Epoch, slice.FirstOffset + i, rest);
                Require(mutation.At.Epoch == reign.Epoch, $"3: {mutation.At} was appended in epoch {reign.Epoch}");
                Require(_truth.TryAdd(mutation.At, mutation), $"3: {mutation.At} was appended twice");
                string? wrong = reign.Model.Apply(mutation, IsOrdered);
                Require(wrong is null, $"10: {wrong}");
                rest = rest[mutation.Bytes.Length..];
            }

            reign.Extend(slice.FirstOffset + slice.Count - 1);
        }
    }

    private bool IsOrdered(string client) => !world.Clients.First(known => known.Id.ToString() == client).IsUnordered;

    private void CopyNameOf(string silo, out CopyName? name) => name = world.Find(silo)?.Slot(shard).Copy?.Name;

    /// <summary>The log of one reign, adopted part included.</summary>
    private sealed class Reign(long epoch, List<EpochStart> adopted, long end)
    {
        private readonly ShardHistory _history = new(adopted.Append(new EpochStart(epoch, end + 1)));

        public long Epoch { get; } = epoch;

        public long End { get; private set; } = end;

        /// <summary>Where the adopted log begins.</summary>
        public long LogBegan { get; init; }

        public long Committed { get; set; }

        public PathModel Model { get; } = new();

        public void Extend(long newEnd) => End = newEnd;

        public long EpochAt(long offset) => _history.EpochAt(offset);

        public bool Holds(LogPosition position) =>
            position.Offset == 0 || (position.Offset <= End && EpochAt(position.Offset) == position.Epoch);
    }
}
