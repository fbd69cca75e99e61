using System.Diagnostics;
using System.Text;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>A process of the test's own, ended by its id whatever becomes of the test.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public string Output => Read(_output);

    public string Errors => Read(_errors);

    public static ChildProcess Start(string file, IEnumerable<string> arguments, string directory, IReadOnlyDictionary<string, string>? environment = null)
    {
        // What this process ignores its children would too: Ctrl-C, in what a shell script runs in the background.
        ProcessStartInfo start = new("env", ["--default-signal=INT,QUIT", file, .. arguments]) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };

        // Silos of a test live for seconds: code that is compiled once instead of twice leaves the few processors to what is tested.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        ChildProcess child = new(new Process { StartInfo = start });
        child._process.OutputDataReceived += (_, line) => Append(child._output, line.Data);
        child._process.ErrorDataReceived += (_, line) => Append(child._errors, line.Data);
        child._process.Start();
        child._process.StandardInput.Close();
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        return child;
    }

    /// <summary>As <c>kill -9</c>.</summary>
    public void Kill() => _process.Kill();

    /// <summary>As <c>kill</c>.</summary>
    public void Terminate() => Signal("TERM");

    /// <summary>As Ctrl-C.</summary>
    public void Interrupt() => Signal("INT");

    /// <summary>It stands still, as if its machine did.</summary>
    public void Freeze() => Signal("STOP");

    /// <summary>It goes on where it stood.</summary>
    public void Thaw() => Signal("CONT");

    /// <summary>The exit code, once it has ended.</summary>
    public async Task<int> ExitAsync(TimeSpan limit)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(limit);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"'{string.Join(' ', _process.StartInfo.ArgumentList.Skip(1))}' has not ended after {limit.TotalSeconds} s. It wrote:\n{Output}\n{Errors}");
        }
    }

    public bool HasExited => _process.HasExited;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        using CancellationTokenSource deadline = new(EndTime);
        await _process.WaitForExitAsync(deadline.Token);
        _process.Dispose();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", Id.ToString()]);
        kill.WaitForExit();
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null)
            return;
        lock (text)
            text.AppendLine(line);
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}
