using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Grid.Replication.Records;
using Grid.Replication.Sessions;
using Grid.Storage;

namespace Grid.Replication.Copies;

/// <summary>How whole a copy is.</summary>
public enum CopyState
{
    /// <summary>Made, holds nothing: never adopted, never in the in-sync set.</summary>
    Empty = 0,

    /// <summary>A snapshot is on its way in: never adopted, never in the in-sync set.</summary>
    Loading = 1,

    /// <summary>Holds all data up to its position.</summary>
    Complete = 2,
}

/// <summary>
/// One silo's data for one shard, with everything that must survive the grain which works on it: log, history,
/// the highest epoch seen. Lives in the silo's copy host; a grain uses it only while it holds the owner token.
/// </summary>
/// <remarks>
/// Everything but <see cref="Store"/>'s shared reads happens under <see cref="Gate"/>, because the grain that lost the
/// copy may still be in the middle of a turn when the next owner takes it.
/// </remarks>
public sealed class ShardCopy : IDisposable
{
    private long _owner;
    private long _freshAtMs = long.MinValue;
    private long _applied;
    private long _committedSeen;

    /// <summary>Makes an empty copy.</summary>
    public ShardCopy(int shard, CopyName name, PagePool pages)
    {
        Shard = shard;
        Name = name;
        Store = new ShardStore(pages);
        Log = new MutationLog(0);
        History = new ShardHistory();
    }

    /// <summary>Held while the copy is used.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Number of the shard.</summary>
    public int Shard { get; }

    /// <summary>Silo and random id.</summary>
    public CopyName Name { get; }

    /// <summary>How whole the copy is.</summary>
    public CopyState State { get; set; }

    /// <summary>The line of data that the copy belongs to; empty until it holds any.</summary>
    public Guid Lineage { get; set; }

    /// <summary>The data, with everything up to <see cref="Applied"/>.</summary>
    public ShardStore Store { get; }

    /// <summary>Which operations of which clients took effect, up to <see cref="Applied"/>.</summary>
    public SessionTable Sessions { get; } = new();

    /// <summary>The recent mutations: backlog up to <see cref="Applied"/>, the tail behind it.</summary>
    public MutationLog Log { get; private set; }

    /// <summary>The history of <see cref="Log"/>.</summary>
    public ShardHistory History { get; private set; }

    /// <summary>Last offset applied to <see cref="Store"/>; set before what it applies shows. From any thread.</summary>
    public long Applied
    {
        get => Volatile.Read(ref _applied);
        set => Volatile.Write(ref _applied, value);
    }

    /// <summary>The highest committed offset that a primary told, or reached. From any thread.</summary>
    public long CommittedSeen
    {
        get => Volatile.Read(ref _committedSeen);
        set => Volatile.Write(ref _committedSeen, value);
    }

    /// <summary>
    /// The applied data are at least as new as everything that was committed at this moment of the silo's monotonic
    /// clock; <see cref="long.MinValue"/> while nothing can be said. From any thread.
    /// </summary>
    public long FreshAtMs
    {
        get => Volatile.Read(ref _freshAtMs);
        set => Volatile.Write(ref _freshAtMs, value);
    }

    /// <summary>The highest epoch seen: the copy follows no primary below it and is adopted for no epoch up to it.</summary>
    public long EpochSeen { get; private set; }

    /// <summary>The highest version of the record seen: by a record below it, which a store shows that has lost a write, nobody takes over.</summary>
    public long RecordVersionSeen { get; private set; }

    /// <summary>Where the log ends: what decides which copy is the best one.</summary>
    public LogPosition Position => new(History.EpochAt(Log.EndOffset), Log.EndOffset);

    /// <summary>Gives the copy to a new owner and voids every older token.</summary>
    public long TakeOwnership() => ++_owner;

    /// <summary>True while <paramref name="token"/> is the newest one.</summary>
    public bool IsOwnedBy(long token) => token == _owner;

    /// <summary>Notes what was seen of the shard's record.</summary>
    public void Observe(long epoch, long recordVersion)
    {
        EpochSeen = Math.Max(EpochSeen, epoch);
        RecordVersionSeen = Math.Max(RecordVersionSeen, recordVersion);
    }

    /// <summary>Until when the copy has promised to take part in no other reign, by the silo's monotonic clock: a takeover waits that long.</summary>
    public long GrantedUntilMs { get; private set; }

    /// <summary>The newest reign that the copy has granted a lease.</summary>
    public long GrantedEpoch { get; private set; }

    /// <summary>
    /// Grants a lease to the primary of <paramref name="epoch"/>: until it ends nobody takes over on this copy and serves. A copy that has seen a
    /// higher epoch never grants.
    /// </summary>
    /// <param name="epoch">The reign.</param>
    /// <param name="recordVersion">The record's version as that reign's primary knows it.</param>
    /// <param name="leaseMs">How long the grant lasts.</param>
    /// <param name="nowMs">The present, by the silo's monotonic clock.</param>
    /// <returns>False when it is refused.</returns>
    public bool TryGrant(long epoch, long recordVersion, int leaseMs, long nowMs)
    {
        if (State != CopyState.Complete || epoch < EpochSeen)
            return false;
        RecordVersionSeen = Math.Max(RecordVersionSeen, recordVersion);
        GrantedUntilMs = Math.Max(GrantedUntilMs, nowMs + leaseMs);
        GrantedEpoch = Math.Max(GrantedEpoch, epoch);
        return true;
    }

    /// <summary>Cuts the tail behind <paramref name="offset"/> away.</summary>
    /// <exception cref="InvalidOperationException">It would cut applied data.</exception>
    public void CutTail(long offset)
    {
        if (offset < Applied)
            throw new InvalidOperationException($"Shard {Shard}: the log cannot be cut at {offset}, mutations up to {Applied} are applied.");
        Log.TruncateAfter(offset);
        History.TruncateAfter(offset);
    }

    /// <summary>Appends mutations that follow the log; a new epoch among them goes into the history.</summary>
    public void Append(in LogSlice slice)
    {
        Log.Append(slice);
        History.Observe(slice.Epoch, slice.FirstOffset);
    }

    /// <summary>Applies the tail up to <paramref name="committed"/>, as far as it is there.</summary>
    /// <returns>The number of mutations applied.</returns>
    public long ApplyUpTo(long committed)
    {
        CommittedSeen = Math.Max(CommittedSeen, committed);
        long last = Math.Min(committed, Log.EndOffset);
        long before = Applied;
        while (Applied < last)
        {
            LogSlice slice = Log.Read(Applied + 1, int.MaxValue, last);
            MutationApplier.Apply(Store, Sessions, slice);
            Applied = slice.FirstOffset + slice.Count - 1;
        }

        return Applied - before;
    }

    /// <summary>Starts the log anew behind the base of a snapshot that is being loaded.</summary>
    public void BeginAt(long baseOffset, IEnumerable<EpochStart> history)
    {
        Log.Dispose();
        Log = new MutationLog(baseOffset);
        History = new ShardHistory(history);
        Applied = baseOffset;
    }

    /// <summary>Frees data and log.</summary>
    public void Dispose()
    {
        Log.Dispose();
        Store.Dispose();
    }
}
