namespace Grid.Formats.Vcs;

/// <summary>What <see cref="VcsFrameReader.Read"/> did.</summary>
public enum VcsReadStatus
{
    /// <summary>All input was taken; the next bytes are needed.</summary>
    NeedInput,

    /// <summary>Some bytes were produced; there may be more, with or without further input.</summary>
    Produced,

    /// <summary>The frame is closed. Bytes left in the input are the caller's and were not touched.</summary>
    FrameEnd,
}

/// <summary>How a payload turned out to be encoded.</summary>
public enum VcsEncoding
{
    /// <summary>Too few bytes have been seen to tell.</summary>
    Unknown,

    /// <summary>No envelope: the payload is what it says.</summary>
    Plaintext,

    /// <summary>Envelope and LZ4 frame.</summary>
    Lz4,
}
