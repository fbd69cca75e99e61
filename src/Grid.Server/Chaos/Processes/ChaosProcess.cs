using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Grid.Server.Chaos.Processes;

/// <summary>A process of the run, with what it writes in a file; ended by its id whatever becomes of the run.</summary>
internal sealed partial class ChaosProcess : IAsyncDisposable
{
    private const int SignalKill = 9;
    private const int SignalTerminate = 15;
    private const int SignalContinue = 18;
    private const int SignalStop = 19;
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Lock _gate = new();
    private readonly (string Text, TaskCompletionSource Written) _awaited;

    private ChaosProcess(Process process, StreamWriter log, string awaited)
    {
        _process = process;
        _log = log;
        _awaited = (awaited, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts it; what it writes is appended to <paramref name="log"/>. A line that holds <paramref name="ready"/> says that it is ready.</summary>
    public static ChaosProcess Start(IReadOnlyList<string> command, string directory, string log, string ready)
    {
        ProcessStartInfo start = new(command[0], command.Skip(1)) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        ChaosProcess process = new(new Process { StartInfo = start }, new StreamWriter(log, append: true) { AutoFlush = true }, ready);
        process._process.OutputDataReceived += (_, line) => process.Write(line.Data);
        process._process.ErrorDataReceived += (_, line) => process.Write(line.Data);
        process._process.Start();
        process._process.StandardInput.Close();
        process._process.BeginOutputReadLine();
        process._process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Waits until it is ready, has ended, or the time is over.</summary>
    public async Task UntilReadyAsync(TimeSpan limit, CancellationToken cancellation)
    {
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        enough.CancelAfter(limit);
        await Task.WhenAny(_awaited.Written.Task, _process.WaitForExitAsync(enough.Token));
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>As <c>kill -9</c>.</summary>
    public void Kill() => Signal(SignalKill);

    /// <summary>As <c>kill</c>.</summary>
    public void Terminate() => Signal(SignalTerminate);

    /// <summary>Freezes it: it does nothing, and its connections stay.</summary>
    public void Freeze() => Signal(SignalStop);

    /// <summary>Lets it go on.</summary>
    public void Thaw() => Signal(SignalContinue);

    /// <summary>Writes a line of the run's own into its log.</summary>
    public void Write(string? line)
    {
        if (line is null)
            return;
        lock (_gate)
            _log.WriteLine(line);
        if (line.Contains(_awaited.Text, StringComparison.Ordinal))
            _awaited.Written.TrySetResult();
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>False if it has not ended in time.</returns>
    public async Task<bool> EndsWithinAsync(TimeSpan limit)
    {
        using CancellationTokenSource deadline = new(limit);
        await _process.WaitForExitAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _process.HasExited;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            Kill();
        await EndsWithinAsync(EndTime);
        _process.Dispose();
        lock (_gate)
            _log.Dispose();
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited && SendSignal(_process.Id, signal) != 0 && !_process.HasExited)
            throw new InvalidOperationException($"Signal {signal} did not reach process {_process.Id}: error {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
