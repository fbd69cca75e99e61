namespace Grid.Formats;

/// <summary>What is wrong with received bytes, in the terms in which a caller has to react.</summary>
public enum PayloadFault
{
    /// <summary>Well formed, perhaps, but of a version, kind or feature that this reader does not take.</summary>
    Incompatible,

    /// <summary>The bytes contradict themselves: damaged, or made by a broken writer.</summary>
    Corrupt,

    /// <summary>The bytes end too early but were right so far. Asking for them again may help.</summary>
    Truncated,

    /// <summary>The bytes claim or hold more than the reader was told to take.</summary>
    LimitExceeded,
}

/// <summary>
/// The base of every error that the readers of this project declare. Whatever bytes they are fed, they throw nothing else.
/// </summary>
public abstract class PayloadException : Exception
{
    /// <summary>Makes an exception for a fault found at a byte position.</summary>
    private protected PayloadException(PayloadFault fault, string message, long offset)
        : base(message)
    {
        Fault = fault;
        Offset = offset;
    }

    /// <summary>The fault, as the caller has to react to it.</summary>
    public PayloadFault Fault { get; }

    /// <summary>The number of bytes that the reader had taken in when it found the fault.</summary>
    public long Offset { get; }
}
