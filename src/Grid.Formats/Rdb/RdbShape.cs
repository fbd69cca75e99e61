namespace Grid.Formats.Rdb;

/// <summary>What one step of a <see cref="RdbShape"/> passes over.</summary>
internal enum RdbStepKind
{
    /// <summary>A number of strings.</summary>
    Strings,

    /// <summary>A number of lengths.</summary>
    Lengths,

    /// <summary>A number of bytes.</summary>
    Bytes,

    /// <summary>A double in the old text form: a length byte, of which 253 to 255 stand for nan and the infinities.</summary>
    TextDouble,

    /// <summary>A length, then that many times a shape.</summary>
    Repeat,

    /// <summary>The annotated fields of a module's value, up to their end mark.</summary>
    ModuleFields,
}

/// <summary>One step of a <see cref="RdbShape"/>.</summary>
internal readonly record struct RdbStep(RdbStepKind Kind, int Count = 1, RdbShape? Items = null);

/// <summary>
/// The structure of a value that is only passed over, as a list of steps: enough to find where it ends.
/// </summary>
internal sealed class RdbShape(params RdbStep[] steps)
{
    // A stream's consumer group, in its three editions.
    private static readonly RdbShape Pending = new(Bytes(16 + 8), Lengths(1));
    private static readonly RdbShape PendingId = new(Bytes(16));
    private static readonly RdbShape Consumer = new(Strings(1), Bytes(8), Repeat(PendingId));
    private static readonly RdbShape Consumer3 = new(Strings(1), Bytes(8 + 8), Repeat(PendingId));
    private static readonly RdbShape Group = new(Strings(1), Lengths(2), Repeat(Pending), Repeat(Consumer));
    private static readonly RdbShape Group2 = new(Strings(1), Lengths(3), Repeat(Pending), Repeat(Consumer));
    private static readonly RdbShape Group3 = new(Strings(1), Lengths(3), Repeat(Pending), Repeat(Consumer3));

    private static readonly RdbShape OneString = new(Strings(1));
    private static readonly RdbShape TwoStrings = new(Strings(2));
    private static readonly RdbShape ListOfStrings = new(Repeat(OneString));
    private static readonly RdbShape ListOfPairs = new(Repeat(TwoStrings));
    private static readonly RdbShape ScoresAsText = new(Repeat(new(Strings(1), new(RdbStepKind.TextDouble))));
    private static readonly RdbShape Scores = new(Repeat(new(Strings(1), Bytes(8))));
    private static readonly RdbShape Quicklist2 = new(Repeat(new(Lengths(1), Strings(1))));
    private static readonly RdbShape Stream = new(Repeat(TwoStrings), Lengths(3), Repeat(Group));
    private static readonly RdbShape Stream2 = new(Repeat(TwoStrings), Lengths(3 + 5), Repeat(Group2));
    private static readonly RdbShape Stream3 = new(Repeat(TwoStrings), Lengths(3 + 5), Repeat(Group3));
    private static readonly RdbShape FieldsWithTtl = new(Repeat(new(Lengths(1), Strings(2))));
    private static readonly RdbShape FieldsWithTtlFromMinimum = new(Bytes(8), Repeat(new(Lengths(1), Strings(2))));
    private static readonly RdbShape MinimumAndString = new(Bytes(8), Strings(1));
    private static readonly RdbShape ValkeyFieldsWithExpiry = new(Repeat(new(Strings(2), Bytes(8))));

    /// <summary>The fields of a module's value, after the module's id.</summary>
    public static readonly RdbShape Module = new(new RdbStep(RdbStepKind.ModuleFields));

    /// <summary>When a module's field is to be loaded (two lengths), then the fields.</summary>
    public static readonly RdbShape ModuleAux = new(Lengths(2), new(RdbStepKind.ModuleFields));

    /// <summary>A function library as source text.</summary>
    public static RdbShape Function => OneString;

    /// <summary>How many keys and expiring keys a slot holds.</summary>
    public static readonly RdbShape SlotInfo = new(Lengths(3));

    /// <summary>The steps, in order.</summary>
    public RdbStep[] Steps { get; } = steps;

    /// <summary>The shape of values of <paramref name="type"/>, and what users call the type; null if it is not known.</summary>
    /// <remarks>From 22 on Redis and Valkey gave the same numbers to different types.</remarks>
    public static (RdbShape Shape, string Name)? OfType(byte type, bool isValkey) => type switch
    {
        1 or 14 => (ListOfStrings, "list"),
        10 => (OneString, "list"),
        18 => (Quicklist2, "list"),
        2 => (ListOfStrings, "set"),
        11 or 20 => (OneString, "set"),
        3 => (ScoresAsText, "zset"),
        5 => (Scores, "zset"),
        12 or 17 => (OneString, "zset"),
        4 => (ListOfPairs, "hash"),
        9 or 13 or 16 => (OneString, "hash"),
        22 when isValkey => (ValkeyFieldsWithExpiry, "hash"),
        22 => (FieldsWithTtl, "hash"),
        23 when !isValkey => (OneString, "hash"),
        24 when !isValkey => (FieldsWithTtlFromMinimum, "hash"),
        25 when !isValkey => (MinimumAndString, "hash"),
        15 => (Stream, "stream"),
        19 => (Stream2, "stream"),
        21 => (Stream3, "stream"),
        _ => null,
    };

    private static RdbStep Strings(int count) => new(RdbStepKind.Strings, count);

    private static RdbStep Lengths(int count) => new(RdbStepKind.Lengths, count);

    private static RdbStep Bytes(int count) => new(RdbStepKind.Bytes, count);

    private static RdbStep Repeat(RdbShape items) => new(RdbStepKind.Repeat, 1, items);
}
