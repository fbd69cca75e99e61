namespace Grid.Client;

/// <summary>Settings of the client. Validated when the host starts; a message names the option that is wrong.</summary>
public sealed class GridClientOptions
{
    /// <summary>How long a call may take, waiting and retries included. Default 5 s; 1 ms to 1 day.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>What the acknowledgement of a write promises. Default <see cref="Durability.Replicated"/>.</summary>
    public Durability Durability { get; set; } = Durability.Replicated;

    /// <summary>What a read promises. Default <see cref="ReadMode.Linearizable"/>.</summary>
    public ReadMode ReadMode { get; set; } = ReadMode.Linearizable;

    /// <summary>
    /// How old the state that a read by <see cref="ReadMode.Local"/> shows may be. Default 1 s, about twice what a replica that
    /// follows a quiet primary reaches; 1 ms to 1 day.
    /// </summary>
    public TimeSpan MaxStaleness { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Batches of one shard that may be under way at a time. Default 4; 1 to 64. What arrives meanwhile waits and goes
    /// out as one batch.
    /// </summary>
    public int BatchesInFlightMax { get; set; } = 4;

    /// <summary>
    /// Operations that a batch must hold to be sent while another of its shard is under way. Default 8; 1 to 100,000.
    /// Smaller ones wait for that answer and gather more: a call costs as much as many operations.
    /// </summary>
    public int BatchOperationsMin { get; set; } = 8;

    /// <summary>
    /// Calls to one silo that may be under way at a time, each with a batch of every shard that has one ready. Default 2;
    /// 0 to 16. With 0 every batch is a grain call of its own.
    /// </summary>
    public int BundlesInFlightMax { get; set; } = 2;

    /// <summary>Operations in one batch. Default 1,024; 1 to 100,000.</summary>
    public int BatchOperationsMax { get; set; } = 1024;

    /// <summary>Bytes of one batch. Default 256 KiB; 4 KiB to 32 MiB. A single operation may be larger: it goes alone.</summary>
    public int BatchBytesMax { get; set; } = 256 * 1024;

    /// <summary>Bytes of key and value from which an operation goes in a batch of its own. Default 64 KiB; 1 KiB to 64 MiB.</summary>
    public int LargeOperationBytes { get; set; } = 64 * 1024;

    /// <summary>
    /// Operations of this client under way or queued for their shard. Default 65,536; 1 to 4,000,000. Further ones wait
    /// for a place until their deadline.
    /// </summary>
    public int OperationsOutstandingMax { get; set; } = 65_536;

    /// <summary>Bytes of keys and values of this client under way or queued. Default 256 MiB; 1 MiB to 64 GiB. Further operations wait.</summary>
    public long BytesOutstandingMax { get; set; } = 256L * 1024 * 1024;

    /// <summary>
    /// Operations that wait for a place; they hold their bytes, at most <see cref="BytesOutstandingMax"/> again. Default
    /// 65,536; 1 to 4,000,000. One more fails at once with <see cref="GridOverloadedException"/>.
    /// </summary>
    public int OperationsWaitingMax { get; set; } = 65_536;

    /// <summary>The first pause after a shard refused or a call failed; doubles each time, with jitter. Default 10 ms; 1 ms to 10 s.</summary>
    public TimeSpan RetryDelayMin { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest such pause. Default 100 ms; at least <see cref="RetryDelayMin"/>, at most 1 min.</summary>
    public TimeSpan RetryDelayMax { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Silence after which a batch is sent once more under its old number, which the shard applies at most once. Default
    /// 1 s; 50 ms to 1 min. A silo that dies behind a gateway takes the answer with it, and nothing else tells.
    /// </summary>
    public TimeSpan ResendAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Writes and reads values of typed keyspaces; null for the default: natural forms, otherwise Orleans' serializer.</summary>
    public IGridSerializer? Serializer { get; set; }
}
