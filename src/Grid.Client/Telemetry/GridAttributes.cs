using Grid.Formats.Operations;

namespace Grid.Client.Telemetry;

/// <summary>Names of attributes on measurements and spans, and the words that are their values.</summary>
internal static class GridAttributes
{
    public const string Operation = "grid.operation";
    public const string Keyspace = "grid.keyspace";
    public const string Outcome = "grid.outcome";
    public const string Shard = "grid.shard";
    public const string Epoch = "grid.epoch";
    public const string Silo = "grid.silo";
    public const string Role = "grid.copy.role";
    public const string CopyState = "grid.copy.state";
    public const string CopyPhase = "grid.copy.phase";
    public const string Position = "grid.position";
    public const string LinkPhase = "grid.link.phase";
    public const string Codec = "grid.codec";
    public const string CodecReason = "grid.codec.reason";
    public const string SyncKind = "grid.sync.kind";
    public const string SyncOutcome = "grid.sync.outcome";
    public const string TakeoverKind = "grid.takeover.kind";
    public const string Provider = "grid.stream.provider";
    public const string Operations = "grid.batch.operations";
    public const string Snapshot = "grid.snapshot.id";

    /// <summary>What went wrong, in one word: the convention's name.</summary>
    public const string ErrorType = "error.type";

    // What the conventions for database clients call it.
    public const string DbSystem = "db.system.name";
    public const string DbCollection = "db.collection.name";
    public const string DbOperation = "db.operation.name";
    public const string DbBatchSize = "db.operation.batch.size";

    /// <summary>The value of <see cref="DbSystem"/>.</summary>
    public const string DbSystemGrid = "grid";

    private static readonly string[] Kinds = ["other", "get", "peek", "set", "delete", "expire", "increment", "clear", "scan", "statistics"];

    private static readonly string[] Statuses =
    [
        "ok", "not_found", "condition_failed", "not_a_number", "overflow", "not_enough_replicas", "indeterminate", "overloaded", "invalid", "overtaken",
        "session_expired",
    ];

    private static readonly string[] BatchStatuses =
        ["ok", "not_primary", "resend_from", "unavailable", "malformed", "indeterminate", "overloaded", "epoch_changed"];

    /// <summary>The word for what an operation does.</summary>
    public static string NameOf(OperationKind kind) => Kinds[(int)kind < Kinds.Length ? (int)kind : 0];

    /// <summary>The word for how an operation ended.</summary>
    public static string NameOf(OperationStatus status) => Statuses[Math.Min((int)status, Statuses.Length - 1)];

    /// <summary>The word for how a batch was received.</summary>
    public static string NameOf(BatchStatus status) => (int)status < BatchStatuses.Length ? BatchStatuses[(int)status] : "other";

    /// <summary>A silo without the number of its incarnation: what stays the same when it restarts.</summary>
    public static string EndpointOf(string silo) => silo.Split('@')[0];

    /// <summary>An attribute.</summary>
    public static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);
}
