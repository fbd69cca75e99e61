using System.Diagnostics;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

/// <summary>What a program answered.</summary>
internal sealed record ToolResult(int ExitCode, byte[] Output, string Errors);

/// <summary>Runs the programs that other people wrote for the same formats.</summary>
internal static class ExternalTool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>The path of a program; a test that needs one that is not installed fails and says how to install it.</summary>
    public static string Find(string name)
    {
        foreach (string directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/bin", "/usr/local/bin"]))
        {
            string path = Path.Combine(directory, name);
            if (directory.Length > 0 && File.Exists(path))
                return path;
        }

        throw new InvalidOperationException($"This test needs {name}: apt-get install redis-server lz4");
    }

    /// <summary>Runs a program to its end, with <paramref name="input"/> on its standard input.</summary>
    public static async Task<ToolResult> RunAsync(string name, byte[] input, params string[] arguments)
    {
        ProcessStartInfo start = new(Find(name), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            using MemoryStream output = new();
            Task reading = process.StandardOutput.BaseStream.CopyToAsync(output, patience.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            await WriteAsync(process, input, patience.Token);
            await Task.WhenAll(reading, errors);
            await process.WaitForExitAsync(patience.Token);
            return new ToolResult(process.ExitCode, output.ToArray(), await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    // A program that has seen enough closes its input: that is its right, its exit code tells why.
    private static async Task WriteAsync(Process process, byte[] input, CancellationToken cancellation)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, cancellation);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            Assert.True(input.Length > 0);
        }
    }
}
