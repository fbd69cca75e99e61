using Grid.Replication.Links;
using Grid.Replication.Records;

namespace Grid.Replication.Primary;

/// <summary>Where a link to a replica is in its life.</summary>
public enum LinkPhase
{
    /// <summary>Waits until the record no longer names the copy that is about to be thrown away.</summary>
    Leaving,

    /// <summary>Is in the open sync window.</summary>
    Waiting,

    /// <summary>Takes a snapshot.</summary>
    Syncing,

    /// <summary>Follows the command stream.</summary>
    Online,
}

/// <summary>What the primary knows of one replica since its last attach.</summary>
internal sealed class PrimaryLink(AttachRequest request, long nowMs) : IDisposable
{
    public string Silo { get; } = request.Copy.Silo;

    public long Attach { get; } = request.Attach;

    public AttachRequest Request { get; } = request;

    /// <summary>The copy whose acknowledgements count; after a full sync it has a new id.</summary>
    public CopyName Copy { get; set; } = request.Copy;

    public LinkPhase Phase { get; set; }

    /// <summary>Number of the next item on the command stream.</summary>
    public long Sequence { get; set; }

    /// <summary>The first mutation that was not sent yet.</summary>
    public long NextOffset { get; set; }

    /// <summary>What the replica has acknowledged since this attach; -1 before the first word.</summary>
    public long Acknowledged { get; set; } = -1;

    public long Applied { get; set; }

    public long KeptBytes { get; set; }

    /// <summary>Bytes of mutations behind its snapshot's base that may still be sent while it loads: what it keeps is bounded.</summary>
    public long KeptBytesLeft { get; set; } = request.KeptBytesMax > 0 ? request.KeptBytesMax : long.MaxValue;

    /// <summary>True once mutations have waited here because of that.</summary>
    public bool IsKeptFull { get; set; }

    public long SnapshotId { get; set; }

    /// <summary>Place among those that wait for a snapshot.</summary>
    public long EnteredWindow { get; set; }

    /// <summary>When the copy last acknowledged something, on this link or one before: what its place in the set rests on.</summary>
    public long AcknowledgedAtMs { get; set; } = nowMs;

    public long HeardAtMs { get; set; } = nowMs;

    public long SentAtMs { get; set; } = nowMs;

    public long CommittedSent { get; set; } = -1;

    /// <summary>Items that the stream has not taken yet.</summary>
    public UnsentItems Unsent { get; } = new();

    /// <summary>How the snapshot travels, once the window has closed.</summary>
    public bool DualChannel { get; set; }

    /// <summary>
    /// True while a syncing link gets no mutations: its snapshot is still being written to its file, or has the only
    /// channel for itself.
    /// </summary>
    public bool HoldsBack { get; set; }

    /// <summary>Packs the mutations; null where they travel plain.</summary>
    public CommandPacker? Packer { get; set; }

    /// <summary>When the replica sent its newest acknowledgement, by its own clock.</summary>
    public long AskedAtMs { get; set; }

    /// <summary>True while what the log has and the replica was not sent must stay.</summary>
    public bool Pins => Phase is LinkPhase.Syncing or LinkPhase.Online;

    /// <summary>True while mutations flow.</summary>
    public bool Streams => Pins && !HoldsBack;

    /// <inheritdoc/>
    public void Dispose() => Packer?.Dispose();
}
