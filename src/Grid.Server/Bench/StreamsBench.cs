using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;

namespace Grid.Server.Bench;

/// <summary>
/// Measures the grid's stream provider beside Orleans' memory streams, in the same run: this process is the producing
/// silo, a second process, started from the same binary, the consuming one; they talk over loopback.
/// </summary>
public static class StreamsBench
{
    /// <summary>The first argument with which the binary must call <see cref="RunSiloAsync"/>.</summary>
    public const string SiloVerb = "bench-streams-silo";

    private const string Ready = "ready";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    /// <summary>Runs all measurements, one after the other.</summary>
    /// <param name="options">What to measure, and for how long.</param>
    /// <param name="progress">Gets a line per measurement as it ends.</param>
    /// <param name="cancellationToken">Ends the run; the second process is stopped in any case.</param>
    /// <exception cref="InvalidOperationException">The second silo did not start; the message says what it wrote.</exception>
    /// <exception cref="TimeoutException">A consumer got nothing for longer than <see cref="StreamsBenchOptions.StallLimit"/>.</exception>
    public static async Task<StreamsBenchReport> RunAsync(
        StreamsBenchOptions options,
        TextWriter progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        (int producerPort, int consumerPort) = FreePorts();
        using IHost producer = StreamsBenchSilo.Build(producerPort, producerPort);
        await producer.StartAsync(cancellationToken);
        try
        {
            using Process consumer = Launch(producerPort, consumerPort);
            try
            {
                await WaitUntilReadyAsync(consumer, cancellationToken);
                return await StreamsBenchRun.RunAsync(producer.Services, options, progress, cancellationToken);
            }
            finally
            {
                await StopAsync(consumer);
            }
        }
        finally
        {
            await producer.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>
    /// The second silo: <paramref name="args"/> are the producing silo's port and its own. Runs until its standard input
    /// ends, so that it never outlives the process that started it.
    /// </summary>
    /// <returns>The exit code: 0, or 2 for wrong arguments.</returns>
    public static async Task<int> RunSiloAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        if (args.Length != 2
            || !int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out int producerPort)
            || !int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out int port))
        {
            await Console.Error.WriteLineAsync($"{SiloVerb} is started by 'bench streams' only.");
            return 2;
        }

        using IHost silo = StreamsBenchSilo.Build(port, producerPort);
        await silo.StartAsync();
        await Console.Out.WriteLineAsync(Ready);
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Nothing is expected: the end of the input is the word to stop.
        }

        await silo.StopAsync();
        return 0;
    }

    private static Process Launch(int producerPort, int consumerPort)
    {
        string binary = Environment.ProcessPath
            ?? throw new InvalidOperationException("This process does not know its own executable: start the bench from the binary.");
        var start = new ProcessStartInfo(binary)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(binary) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        start.ArgumentList.Add(SiloVerb);
        start.ArgumentList.Add(producerPort.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(consumerPort.ToString(CultureInfo.InvariantCulture));
        return Process.Start(start) ?? throw new InvalidOperationException($"The second silo could not be started from {binary}.");
    }

    private static async Task WaitUntilReadyAsync(Process consumer, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartLimit);
        Task<string> errors = consumer.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (await consumer.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (line == Ready)
                {
                    // Go on reading, so that the pipe never fills.
                    _ = consumer.StandardOutput.ReadToEndAsync(CancellationToken.None);
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException($"The second silo (process {consumer.Id}) was not ready after {StartLimit.TotalSeconds} s.");
        }

        throw new InvalidOperationException($"The second silo ended before it was ready: {await errors}");
    }

    private static async Task StopAsync(Process consumer)
    {
        consumer.StandardInput.Close();
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await consumer.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            consumer.Kill();
            await consumer.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static (int Producer, int Consumer) FreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return (((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port);
    }
}
