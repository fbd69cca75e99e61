using System.Diagnostics;

namespace Grid.Server.Chaos.Network;

/// <summary>Runs a small program to its end.</summary>
internal static class ProgramRun
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Runs it; what it wrote to its standard output.</summary>
    /// <param name="required">Whether a failure is one of the caller's.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <exception cref="CommandException">It is not installed, or, where it is required, it failed or did not end.</exception>
    public static async Task<string> RunAsync(bool required, params string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true };
        try
        {
            using Process process = Process.Start(start)!;
            using CancellationTokenSource limit = new(Limit);
            Task<string> errors = process.StandardError.ReadToEndAsync(limit.Token);
            string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0 || !required
                ? output
                : throw new CommandException(ExitCode.Failed, $"'{string.Join(' ', command)}' failed: {(await errors).Trim()}");
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new CommandException(ExitCode.Failed, $"'{command[0]}' is needed and not installed (Debian: iproute2).", missing);
        }
        catch (OperationCanceledException late)
        {
            throw new CommandException(ExitCode.Failed, $"'{string.Join(' ', command)}' has not ended after {Limit.TotalSeconds} s.", late);
        }
    }
}
