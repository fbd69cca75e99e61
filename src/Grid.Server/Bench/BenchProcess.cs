using System.Diagnostics;

namespace Grid.Server.Bench;

/// <summary>
/// A second process of a bench, started from this binary under a hidden verb. It says when it is ready, answers questions line by line,
/// and stops when its standard input ends, so that it never outlives the one who started it.
/// </summary>
internal sealed class BenchProcess : IAsyncDisposable
{
    /// <summary>What the process writes to its standard output once it is ready.</summary>
    public const string Ready = "ready";

    private const int ErrorLinesKept = 40;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _name;
    private readonly Queue<string> _errors = new();
    private readonly StreamWriter? _log;

    private BenchProcess(Process process, string name, StreamWriter? log)
    {
        _process = process;
        _name = name;
        _log = log;
        process.ErrorDataReceived += (_, line) => KeepError(line.Data);
        process.BeginErrorReadLine();
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="name">What it is, for messages.</param>
    /// <param name="arguments">The hidden verb, then its arguments.</param>
    /// <param name="within">A command to run it under, such as <c>ip netns exec NAME</c>; may be empty.</param>
    /// <param name="log">A file that gets what it writes to its standard error; null for none.</param>
    /// <param name="cancellationToken">Ends the wait; the process is stopped.</param>
    /// <exception cref="InvalidOperationException">It did not start; the message says what it wrote.</exception>
    public static async Task<BenchProcess> StartAsync(string name, IEnumerable<string> arguments, IReadOnlyList<string> within, string? log, CancellationToken cancellationToken)
    {
        string[] command = [.. within, .. OwnCommand(), .. arguments];
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start) ?? throw new InvalidOperationException($"{name} could not be started from {command[0]}.");
        BenchProcess child = new(process, name, log is null ? null : File.CreateText(log));
        try
        {
            await child.WaitUntilReadyAsync(cancellationToken);
            return child;
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    /// <summary>How this very program is started.</summary>
    public static IReadOnlyList<string> OwnCommand()
    {
        string binary = Environment.ProcessPath
            ?? throw new InvalidOperationException("This process does not know its own executable: start the bench from the binary.");
        return Path.GetFileNameWithoutExtension(binary) == "dotnet" ? [binary, Environment.GetCommandLineArgs()[0]] : [binary];
    }

    /// <summary>The child's side of it: says that it is ready, then answers each line until there are no more.</summary>
    /// <param name="answer">The answer to a line, one line itself.</param>
    public static async Task ServeAsync(Func<string, string> answer)
    {
        await Console.Out.WriteLineAsync(Ready);
        while (await Console.In.ReadLineAsync() is { } question)
            await Console.Out.WriteLineAsync(answer(question));
    }

    /// <summary>Asks a question and reads the answer. One at a time.</summary>
    /// <exception cref="InvalidOperationException">The process has ended or does not answer.</exception>
    public async Task<string> AskAsync(string question, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync(question.AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        return await ReadLineAsync($"did not answer '{question}'", AnswerLimit, cancellationToken) ?? throw Ended();
    }

    /// <summary>Lets the process stop by itself; one that does not is ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using CancellationTokenSource limit = new(StopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        // Without a limit it waits for the end of what is redirected, too.
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        if (_log is not null)
            await _log.DisposeAsync();
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (await ReadLineAsync("was not ready", StartLimit, cancellationToken) is { } line)
        {
            if (line == Ready)
                return;
        }

        throw Ended();
    }

    private async Task<string?> ReadLineAsync(string problem, TimeSpan time, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(time);
        try
        {
            return await _process.StandardOutput.ReadLineAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException($"{_name} (process {_process.Id}) {problem} after {time.TotalSeconds} s. It wrote:{Environment.NewLine}{Errors()}");
        }
    }

    private InvalidOperationException Ended() => new($"{_name} ended too early. It wrote:{Environment.NewLine}{Errors()}");

    private void KeepError(string? line)
    {
        if (line is null)
            return;
        lock (_errors)
        {
            if (_errors.Count == ErrorLinesKept)
                _errors.Dequeue();
            _errors.Enqueue(line);
            _log?.WriteLine(line);
        }
    }

    private string Errors()
    {
        lock (_errors)
            return string.Join(Environment.NewLine, _errors);
    }
}
