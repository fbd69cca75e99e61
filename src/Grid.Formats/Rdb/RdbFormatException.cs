namespace Grid.Formats.Rdb;

/// <summary>What is wrong with an RDB file.</summary>
public enum RdbError
{
    /// <summary>The bytes are no RDB file, or contradict the format.</summary>
    Corrupt,

    /// <summary>The file ends before its end mark and checksum.</summary>
    Truncated,

    /// <summary>A version, type or opcode that this reader does not know.</summary>
    Unsupported,

    /// <summary>A key, value or AUX field is longer than the options allow.</summary>
    TooLarge,

    /// <summary>All was read, but the checksum at the end differs.</summary>
    ChecksumMismatch,
}

/// <summary>An RDB file that cannot be read, see <see cref="RdbError"/>.</summary>
public sealed class RdbFormatException : PayloadException
{
    /// <summary>Makes an exception; <paramref name="offset"/> counts the file's bytes taken in.</summary>
    public RdbFormatException(RdbError error, string detail, long offset)
        : base(ToFault(error), $"RDB error at byte {offset}: {detail} ({error}).", offset)
    {
        Error = error;
        Detail = detail;
    }

    /// <summary>The error.</summary>
    public RdbError Error { get; }

    /// <summary>What was found, without the position.</summary>
    public string Detail { get; }

    private static PayloadFault ToFault(RdbError error) => error switch
    {
        RdbError.Truncated => PayloadFault.Truncated,
        RdbError.Unsupported => PayloadFault.Incompatible,
        RdbError.TooLarge => PayloadFault.LimitExceeded,
        _ => PayloadFault.Corrupt,
    };
}
