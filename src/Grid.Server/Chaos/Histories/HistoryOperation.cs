using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>What a client asked for.</summary>
internal enum HistoryAction
{
    /// <summary>Read the entry.</summary>
    Get,

    /// <summary>Ask whether there is an entry, for its version or its expiry, without the value.</summary>
    Exists,

    /// <summary>Write the entry, on a condition if one is given; get-or-add is a set on the condition that there is none.</summary>
    Set,

    /// <summary>Remove the entry, on a condition if one is given.</summary>
    Delete,

    /// <summary>Give the entry another expiry, or none.</summary>
    Expire,

    /// <summary>Add to the counter.</summary>
    Increment,

    /// <summary>Remove all entries of the keyspace: an operation on each of its keys.</summary>
    Clear,
}

/// <summary>What the client was told.</summary>
internal enum HistoryOutcome
{
    /// <summary>It was done, or the entry was found.</summary>
    Done,

    /// <summary>There was no entry.</summary>
    Absent,

    /// <summary>The condition did not hold.</summary>
    Failed,

    /// <summary>An increment found something that is no number.</summary>
    NotANumber,

    /// <summary>An increment would have left the range of 64 bits.</summary>
    Overflow,

    /// <summary>Nothing, or that it cannot be known: it may take effect at any later time, or never.</summary>
    Unknown,

    /// <summary>It is known that it was not applied, and never will be.</summary>
    Refused,
}

/// <summary>One operation of one client on one key: when it was begun and answered, and what was shown.</summary>
internal sealed record HistoryOperation
{
    /// <summary>Who asked; only for the reader of an excerpt.</summary>
    public required int Client { get; init; }

    /// <summary>When it was begun, in microseconds since the history's origin.</summary>
    public required long CallUs { get; init; }

    /// <summary>When the answer came, on the same clock; null if it never came.</summary>
    public long? ReturnUs { get; init; }

    /// <summary>The keyspace.</summary>
    public required string Keyspace { get; init; }

    /// <summary>The key; empty with <see cref="HistoryAction.Clear"/>.</summary>
    public required string Key { get; init; }

    /// <summary>What was asked for.</summary>
    public required HistoryAction Action { get; init; }

    /// <summary>What a set writes: the value, or a name for it that is as unique.</summary>
    public string Value { get; init; } = "";

    /// <summary>When a set, delete or expire takes place.</summary>
    public WriteCondition Condition { get; init; }

    /// <summary>The version that <see cref="WriteCondition.IfVersion"/> asks for.</summary>
    public ulong IfVersion { get; init; }

    /// <summary>True when an entry that is overwritten hands its expiry on.</summary>
    public bool KeepsExpiry { get; init; }

    /// <summary>Time to live in milliseconds; 0 for ever.</summary>
    public long TimeToLiveMs { get; init; }

    /// <summary>What an increment adds.</summary>
    public long Delta { get; init; }

    /// <summary>What the client was told.</summary>
    public required HistoryOutcome Outcome { get; init; }

    /// <summary>The version shown: of the entry that was found, or that the write gave it. 0 if none was shown.</summary>
    public ulong Version { get; init; }

    /// <summary>The value found; null if none was shown.</summary>
    public string? Found { get; init; }

    /// <summary>The counter's new value, if it was shown.</summary>
    public long? Number { get; init; }

    /// <summary>The expiry shown, in Unix milliseconds, 0 for never; null if none was shown.</summary>
    public long? ExpiresAtMs { get; init; }

    /// <summary>
    /// True for a write that was acknowledged without a promise that it survives (<see cref="WriteDurability.Primary"/>): it takes effect as it was
    /// told, at any time from its call on, or never.
    /// </summary>
    public bool MayBeLost { get; init; }

    /// <summary>True when it is certain that the operation took place between call and return.</summary>
    public bool IsSure => Outcome is not (HistoryOutcome.Unknown or HistoryOutcome.Refused) && (!MayBeLost || ChangesNothing) && ReturnUs is not null;

    /// <summary>True for one that cannot have changed anything.</summary>
    public bool ChangesNothing => Action is HistoryAction.Get or HistoryAction.Exists || Outcome is not (HistoryOutcome.Done or HistoryOutcome.Unknown);

    /// <inheritdoc/>
    public override string ToString() => HistoryText.Line(this);
}
