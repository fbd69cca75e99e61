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
            string[] arguments = [SiloVerb, Text(producerPort), Text(consumerPort)];
            await using BenchProcess consumer = await BenchProcess.StartAsync("The second silo", arguments, [], null, cancellationToken);
            return await StreamsBenchRun.RunAsync(producer.Services, options, progress, cancellationToken);
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
        await BenchProcess.ServeAsync(static _ => "");
        await silo.StopAsync();
        return 0;
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static (int Producer, int Consumer) FreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return (((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port);
    }
}
