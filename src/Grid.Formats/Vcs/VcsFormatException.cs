namespace Grid.Formats.Vcs;

/// <summary>What is wrong with a VCS payload.</summary>
public enum VcsError
{
    /// <summary>The envelope: its version, codec, reserved byte or kind, an envelope cut short, or plain bytes where only a frame is allowed.</summary>
    Incompatible,

    /// <summary>The frame: a header or block that breaks the LZ4 format, a checksum that differs, or bytes after the end.</summary>
    Corrupt,

    /// <summary>A clean end inside the frame. Recoverable: the payload can be asked for again.</summary>
    Truncated,

    /// <summary>The payload decodes to more bytes than <see cref="VcsReaderOptions.OutputBytesMax"/>.</summary>
    OutputLimit,
}

/// <summary>A VCS payload that cannot be read, see <see cref="VcsError"/>.</summary>
public sealed class VcsFormatException : PayloadException
{
    /// <summary>Makes an exception; <paramref name="offset"/> counts the payload's bytes taken in.</summary>
    public VcsFormatException(VcsError error, string detail, long offset)
        : base(ToFault(error), $"VCS payload is {Describe(error)} after {offset} bytes: {detail}.", offset)
    {
        Error = error;
        Detail = detail;
    }

    /// <summary>The error.</summary>
    public VcsError Error { get; }

    /// <summary>What was found, without the position.</summary>
    public string Detail { get; }

    private static PayloadFault ToFault(VcsError error) => error switch
    {
        VcsError.Incompatible => PayloadFault.Incompatible,
        VcsError.Truncated => PayloadFault.Truncated,
        VcsError.OutputLimit => PayloadFault.LimitExceeded,
        _ => PayloadFault.Corrupt,
    };

    private static string Describe(VcsError error) => error switch
    {
        VcsError.Incompatible => "incompatible",
        VcsError.Truncated => "truncated",
        VcsError.OutputLimit => "over its output limit",
        _ => "corrupt",
    };
}
