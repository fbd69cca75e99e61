using Grid.Formats.Mutations;
using Grid.Replication.Records;

namespace Grid.Replication.Links;

/// <summary>What a replica can do; advertised only as far as its own settings allow.</summary>
[Flags]
public enum ReplicaCapabilities
{
    /// <summary>Plaintext, on one channel.</summary>
    None = 0,

    /// <summary>Decodes VCS frames with LZ4.</summary>
    Lz4 = 1,

    /// <summary>Takes the snapshot on a stream of its own.</summary>
    DualChannel = 2,
}

/// <summary>What becomes of a replica's old data while a snapshot is loaded.</summary>
public enum LoadMode
{
    /// <summary>It is loaded beside them; they serve local reads as far as these allow their age, until the new data take their place.</summary>
    Swap = 0,

    /// <summary>They are freed first: half the memory, and nothing to read until the load is done.</summary>
    Discard = 1,
}

/// <summary>A replica's wish to follow its primary, with all that the primary needs to say how.</summary>
public sealed record AttachRequest
{
    /// <summary>Number of the shard.</summary>
    public required int Shard { get; init; }

    /// <summary>The replica's present copy.</summary>
    public required CopyName Copy { get; init; }

    /// <summary>The id that its next copy will have, if the answer is a full sync.</summary>
    public required Guid NextCopyId { get; init; }

    /// <summary>Grows with every attach of this silo to this shard; the highest one counts, all others are void.</summary>
    public required long Attach { get; init; }

    /// <summary>What the replica can do.</summary>
    public required ReplicaCapabilities Capabilities { get; init; }

    /// <summary>True when the copy is whole, so that it may go on from where it is.</summary>
    public required bool Complete { get; init; }

    /// <summary>Last offset in the replica's log.</summary>
    public required long LogEnd { get; init; }

    /// <summary>Last offset applied to the replica's data: its log cannot be cut below.</summary>
    public required long Applied { get; init; }

    /// <summary>The history of the replica's log.</summary>
    public required IReadOnlyList<EpochStart> History { get; init; }

    /// <summary>The line of data that the copy belongs to; empty for an empty copy.</summary>
    public required Guid Lineage { get; init; }

    /// <summary>The highest epoch that the replica has seen: a primary below it does not reign any more.</summary>
    public required long EpochSeen { get; init; }

    /// <summary>
    /// Bytes of mutations that the replica keeps while it loads a snapshot: the primary sends it no more of them until it has loaded. 0 = it does
    /// not say.
    /// </summary>
    public long KeptBytesMax { get; init; }

    /// <summary>The snapshot whose payload the replica found wrong at its last attempt; 0 = none. Nobody should get its file again.</summary>
    public long FailedSnapshot { get; init; }
}

/// <summary>How a primary took an attach; what follows comes on the command stream.</summary>
public enum AttachAnswer
{
    /// <summary>The primary will answer on the command stream with <c>Continue</c> or <c>FullSync</c>.</summary>
    Accepted = 0,

    /// <summary>This activation does not reign over the shard.</summary>
    NotPrimary = 1,

    /// <summary>The primary cannot take it now (its reign begins, or the record is being changed): attach again after a pause.</summary>
    Later = 2,

    /// <summary>The shard has all the copies wanted, and the record does not name this one: the replica drops it.</summary>
    NotWanted = 3,
}

/// <summary>A replica's word that its log holds everything up to an offset.</summary>
/// <param name="Shard">Number of the shard.</param>
/// <param name="Copy">The replica's copy.</param>
/// <param name="Epoch">The reign to which the replica attached.</param>
/// <param name="Attach">Number of the attach.</param>
/// <param name="Offset">Last contiguous offset in the log of a complete copy.</param>
/// <param name="Applied">Last offset applied.</param>
/// <param name="Kept">Bytes of mutations kept during a load in progress, for the status.</param>
/// <param name="SentAtMs">When it was sent, by the replica's monotonic clock: the primary's answer to it makes the copy as fresh as that.</param>
public readonly record struct Acknowledgement(int Shard, CopyName Copy, long Epoch, long Attach, long Offset, long Applied, long Kept, long SentAtMs = 0);
