namespace Grid.Formats.Links;

/// <summary>An item of a command or snapshot stream that came as it was sent, and that this version cannot read all the same.</summary>
public sealed class LinkFormatException : PayloadException
{
    /// <summary>Makes an exception; <paramref name="detail"/> is a whole sentence.</summary>
    public LinkFormatException(PayloadFault fault, string detail, long offset = 0)
        : base(fault, detail, offset)
    {
    }
}
