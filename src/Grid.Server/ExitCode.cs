namespace Grid.Server;

/// <summary>How the process ends; documented in the README of this project.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>It was tried and failed; the message on standard error says what to do.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration is wrong; nothing was tried.</summary>
    public const int Usage = 2;

    /// <summary>No silo of the cluster could be reached.</summary>
    public const int Unreachable = 3;

    /// <summary>The answer is no: there is no such key, the condition did not hold, copies differ.</summary>
    public const int No = 4;

    /// <summary>Ended by Ctrl-C or SIGTERM before it was done.</summary>
    public const int Interrupted = 130;
}

/// <summary>An expected failure: told to the user as it is, without a stack trace.</summary>
internal sealed class CommandException(int exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>A failure for what a library refused, in the library's words.</summary>
    public static CommandException Usage(ArgumentException refused) => new(Server.ExitCode.Usage, refused.Message.Split(" (Parameter '")[0], refused);
}
