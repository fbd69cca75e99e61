using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Sessions;
using Grid.Replication.Takeover;

namespace Grid.Tests.Simulation;

/// <content>What primaries do: appends, commits, replies, snapshots.</content>
internal sealed partial class Oracle
{
    /// <summary>A log is dropped chunk by chunk.</summary>
    private const int ChunkBytes = 64 << 10;

    public void OnReignBegins(SimPrimary primary)
    {
        long epoch = primary.Core.Epoch;
        Require(!_reigns.ContainsKey(epoch), $"3: epoch {epoch} begins twice");
        Require(primary.Copy.State == Grid.Replication.Copies.CopyState.Complete, $"13: {primary.Copy.Name} reigns and is {primary.Copy.State}");
        // One that waited for its grant's end may have been deposed meanwhile.
        Require(_committed.Epoch > epoch || IsGivenUp(primary.Core.Record.Lineage) || Holds(primary.Copy, _committed), $"1: {primary.Copy.Name} at {primary.Copy.Position} begins epoch {epoch} without the committed {_committed}");
        Reign reign = new(epoch, [.. primary.Copy.History.Starts], primary.Copy.Log.EndOffset) { LogBegan = primary.Copy.Log.FirstOffset };
        for (long offset = 1; offset <= reign.End; offset++)
            reign.Model.Apply(_truth[new LogPosition(reign.EpochAt(offset), offset)], IsOrdered);
        _reigns.Add(epoch, reign);
    }

    /// <summary>A member takes over: only when the recorded primary was declared dead, or its silo has answered that nobody reigns there.</summary>
    public void OnTakeover(SimSilo silo, ShardRecord record, IReadOnlyCollection<PolledCopy> polled)
    {
        if (record.Primary is { } primary)
            Require(!silo.Alive.Contains(primary.Silo) || polled.Any(copy => copy.Name.Silo == primary.Silo && !copy.Reigns), $"takeover: {silo.Name} takes over from {primary}, which lives and does not answer");
    }

    public void OnReignEnds(SimPrimary primary) => CheckPrimary(primary);

    /// <summary>A reign is handed over: the receiver has all of it, and nothing is left to be answered.</summary>
    public void OnSurrender(SimPrimary primary, CopyName receiver)
    {
        CheckPrimary(primary);
        Reign reign = _reigns[primary.Core.Epoch];
        reign.Surrendered = true;
        Require(primary.Core.Committed == reign.End, $"hand-over: epoch {reign.Epoch} surrenders at {reign.End}, only {primary.Core.Committed} is committed");
        if (world.Find(receiver.Silo)?.Slot(shard).Copy is { } copy && copy.Name == receiver)
            Require(Holds(copy, new LogPosition(reign.EpochAt(reign.End), reign.End)), $"hand-over: epoch {reign.Epoch} surrenders at {reign.End} to {receiver}, which is at {copy.Position}");
    }

    /// <summary>Between the seal and the surrender nothing is appended.</summary>
    private void CheckSeal(SimPrimary primary, Reign reign)
    {
        ShardPrimary core = primary.Core;
        Require(!reign.Surrendered, $"hand-over: epoch {reign.Epoch} has surrendered and reigns on");
        if (!core.IsSealed || reign.SealedAt is null)
            reign.SealedAtMs = primary.Now.MonotonicMs;
        reign.SealedAt = core.IsSealed ? reign.SealedAt ?? core.LogEnd : null;
        Require(reign.SealedAt is null || reign.SealedAt == core.LogEnd, $"hand-over: epoch {reign.Epoch} is sealed at {reign.SealedAt}, its log ends at {core.LogEnd}");
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
            Commit(reign, core.Committed, IsGivenUp(core.Record.Lineage));
        if (core.IsDown || !primary.Copy.IsOwnedBy(primary.Token))
            return;
        CheckRequired(core);
        CheckSeal(primary, reign);
        CheckSessions(primary);
        foreach (PrimaryLink link in core.Links)
            CheckLink(primary, link);
        PrimaryOptions options = primary.Options;
        Require(primary.Copy.Log.FirstOffset <= Math.Max(core.Committed + 1, reign.LogBegan), $"11: the log begins at {primary.Copy.Log.FirstOffset}, behind the committed {core.Committed}");
        long slack = ChunkBytes + (2 * world.Plan.ValueBytesMax) + 4096;
        long uncommitted = primary.Copy.Log.BytesFrom(core.Committed + 1);
        Require(uncommitted <= options.UncommittedBytesMax + slack, $"12: {uncommitted} bytes of the log are not committed, at most {options.UncommittedBytesMax} may be");
        long logMax = options.BacklogBytesMax + options.UncommittedBytesMax + options.SyncPinBytesMax + ChunkBytes + slack;
        Require(primary.Copy.Log.Bytes <= logMax, $"12: the log holds {primary.Copy.Log.Bytes} bytes, more than {logMax}");
    }

    /// <summary>What is committed is in the log of every reign to come, and of one line with what was committed before.</summary>
    private void Commit(Reign reign, long committed, bool isGivenUp)
    {
        LogPosition at = new(reign.EpochAt(committed), committed);
        if (committed > reign.Adopted)
            CheckLeases(reign.Epoch, "commits");
        reign.Committed = committed;
        if (isGivenUp)
            return;
        if (committed > _committed.Offset)
        {
            Require(_committed.Offset == 0 || reign.EpochAt(_committed.Offset) == _committed.Epoch, $"6: epoch {reign.Epoch} commits {at} on a line without the committed {_committed}");
            for (long offset = _committed.Offset + 1; offset <= committed; offset++)
                RequireUntold(new LogPosition(reign.EpochAt(offset), offset));
            _committed = at;
            NoteCommit();
        }
        else if (committed > 0)
        {
            Require(_reigns[_committed.Epoch].EpochAt(committed) == at.Epoch, $"6: epoch {reign.Epoch} commits {at} beside the committed {_committed}");
        }
    }

    private void CheckSessions(SimPrimary primary)
    {
        PrimaryOptions options = primary.Options;
        Require(primary.Copy.Sessions.Count <= options.SessionsMax, $"12: {primary.Copy.Sessions.Count} clients are remembered, at most {options.SessionsMax} may be");
        if (world.Steps % 20 != 0)
            return;

        // What a client repeats that is older than its newest is remembered beside that, until something newer takes effect.
        int repeated = ClientCall.OperationsMax * world.Plan.OutstandingMax;
        foreach (ClientSession session in primary.Copy.Sessions.Sessions)
            Require(session.Count <= options.SessionEntriesMax + repeated, $"12: {session.Count} operations of client {session.Client} are remembered, at most {options.SessionEntriesMax} may be");
    }

    private void CheckRequired(ShardPrimary core)
    {
        CheckRequired(core, world.Store.Current(shard));
        foreach (ShardRecord record in world.Store.MayLand(shard))
            CheckRequired(core, record);
    }

    private void CheckRequired(ShardPrimary core, ShardRecord record)
    {
        if (record.Epoch != core.Epoch)
            return;
        IReadOnlyList<CopyName> required = core.RequiredMembers();
        foreach (CopyName member in record.InSync)
            Require(member == record.Primary || required.Contains(member), $"2: the record may hold {record}, only {string.Join(", ", required)} are required");
    }

    public void OnExecuted(SimPrimary primary)
    {
        if (_reigns.TryGetValue(primary.Core.Epoch, out Reign? reign))
            Learn(primary, reign);
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
                NoteOperation(reign, mutation);
                rest = rest[mutation.Bytes.Length..];
            }

            reign.Extend(slice.FirstOffset + slice.Count - 1);
        }
    }

    private bool IsOrdered(ulong client) => !world.Clients[(int)client - 1].IsUnordered;

    /// <summary>The log of one reign, adopted part included.</summary>
    private sealed class Reign(long epoch, List<EpochStart> adopted, long end)
    {
        private readonly ShardHistory _history = new(adopted.Append(new EpochStart(epoch, end + 1)));

        public long Epoch { get; } = epoch;

        public long End { get; private set; } = end;

        /// <summary>The end of the adopted log.</summary>
        public long Adopted { get; } = end;

        /// <summary>Where the adopted log begins.</summary>
        public long LogBegan { get; init; }

        public long Committed { get; set; }

        /// <summary>True once it was handed over.</summary>
        public bool Surrendered { get; set; }

        /// <summary>Where the log ended when the primary sealed, while it is sealed.</summary>
        public long? SealedAt { get; set; }

        /// <summary>Since when it is sealed.</summary>
        public long SealedAtMs { get; set; }

        public PathModel Model { get; } = new() { Times = new Timeline() };

        public Timeline Times => Model.Times!;

        public void Extend(long newEnd) => End = newEnd;

        public long EpochAt(long offset) => _history.EpochAt(offset);

        public bool Holds(LogPosition position) =>
            position.Offset == 0 || (position.Offset <= End && EpochAt(position.Offset) == position.Epoch);
    }
}
