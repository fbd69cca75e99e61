using System.Globalization;
using System.Net;
using System.Text.Json;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>What a command wrote and how it ended.</summary>
internal sealed record CommandOutcome(int ExitCode, string Output, string Errors)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    public CommandOutcome Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"The exit code is {ExitCode} instead of {exitCode}. It wrote:\n{Output}\n{Errors}");
        return this;
    }
}

/// <summary>A cluster of real <c>grid serve</c> processes on loopback, and the command-line tool on it.</summary>
internal sealed class GridProcesses : IAsyncDisposable
{
    private static readonly TimeSpan CommandTime = TimeSpan.FromMinutes(2);

    private readonly List<ChildProcess> _silos = [];
    private readonly List<ChildProcess> _commands = [];
    private readonly string _directory;
    private readonly string[] _overrides;
    private readonly int[] _ports;
    private ClusterConnection? _connection;
    private int _gatewaySilo;

    private GridProcesses(string directory, int silosMax, string[] overrides)
    {
        _directory = directory;
        _overrides = overrides;
        _ports = Ports.Free(3 * silosMax);
    }

    /// <summary>Starts silos named silo-0, silo-1 ...; the first one is the development cluster's first silo.</summary>
    public static Task<GridProcesses> StartAsync(string directory, int silos, params string[] overrides) => StartAsync(directory, silos, overrides, static _ => Task.CompletedTask);

    /// <summary>The same, and then whatever else belongs to the start: where that fails no process is left behind.</summary>
    public static async Task<GridProcesses> StartAsync(string directory, int silos, string[] overrides, Func<GridProcesses, Task> then)
    {
        GridProcesses cluster = new(directory, silos + 1, overrides);
        try
        {
            for (int i = 0; i < silos; i++)
                cluster.StartSilo();
            await cluster.ConnectAsync(0);
            await then(cluster);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on the cluster is asked through another silo.</summary>
    public async Task ConnectAsync(int silo)
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _gatewaySilo = silo;
        _connection = await ClusterConnection.OpenAsync(
            new ConnectPlan
            {
                ClusterId = "grid",
                ServiceId = "grid",
                Gateways = [new IPEndPoint(IPAddress.Loopback, Gateway)],
                StoreConnection = "",
                Timeout = TimeSpan.FromSeconds(60),
                Verbose = false,
            },
            TestContext.Current.CancellationToken);
    }

    public ChildProcess Silo(int index) => _silos[index];

    /// <summary>Where a silo answers by HTTP.</summary>
    public int HttpPort(int index) => _ports[(3 * index) + 2];

    private int Gateway => _ports[(3 * _gatewaySilo) + 1];

    /// <summary>Starts one more silo, at ports of its own or at those of another one.</summary>
    public void StartSilo(int? sameAs = null, params string[] more)
    {
        int i = sameAs ?? _silos.Count;
        _silos.Add(ChildProcess.Start(
            GridBinary.Path,
            ["serve", "--silo-port", Text(_ports[3 * i]), "--gateway-port", Text(_ports[(3 * i) + 1]), "--http-port", Text(HttpPort(i)), "--name", $"silo-{i}", "--first", $"127.0.0.1:{_ports[0]}", .. _overrides, .. more],
            _directory));
    }

    /// <summary>Runs a verb to its end.</summary>
    public async Task<CommandOutcome> RunAsync(params string[] arguments)
    {
        ChildProcess command = Start(arguments);
        int exitCode = await command.ExitAsync(CommandTime);
        return new CommandOutcome(exitCode, command.Output, command.Errors);
    }

    /// <summary>Runs a verb that finds the cluster by the configuration of the directory.</summary>
    public async Task<CommandOutcome> RunHereAsync(params string[] arguments)
    {
        ChildProcess command = ChildProcess.Start(GridBinary.Path, [.. arguments, "--timeout", "30"], _directory);
        _commands.Add(command);
        return new CommandOutcome(await command.ExitAsync(CommandTime), command.Output, command.Errors);
    }

    /// <summary>Starts a verb.</summary>
    public ChildProcess Start(params string[] arguments)
    {
        ChildProcess command = ChildProcess.Start(GridBinary.Path, [.. arguments, "--gateway", $"127.0.0.1:{Gateway}", "--timeout", "30"], _directory);
        _commands.Add(command);
        return command;
    }

    /// <summary>A verb as a shell is told it, the shell's process becoming it.</summary>
    public string CommandLine(string verb) => $"exec '{GridBinary.Path}' {verb} --gateway 127.0.0.1:{Gateway} --timeout 30";

    public IGrid Grid => _connection!.Grid;

    public IGridOperatorGrain Operator => _connection!.Operator;

    public Task<ClusterStatus> StatusAsync() => _connection!.Operator.GetStatusAsync();

    /// <summary>Waits until the status is as wanted, and returns it.</summary>
    public async Task<ClusterStatus> UntilAsync(string what, TimeSpan limit, Func<ClusterStatus, bool> condition)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        ClusterStatus? status = null;
        string? silence = null;
        while (true)
        {
            try
            {
                status = await StatusAsync();
                silence = null;
                if (condition(status))
                    return status;
            }
            catch (Exception noAnswer) when (noAnswer is OrleansException or TimeoutException)
            {
                // Silos that have just died are asked until they are declared dead; calls get lost while a cluster forms.
                silence = noAnswer.Message;
            }

            if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > limit)
                Assert.Fail($"After {limit.TotalSeconds} s it is still not so that {what}:\n{silence}\n{(status is null ? "no status" : Describe(status))}\n{string.Join("\n", _silos.Select(silo => Tail(silo.Output + silo.Errors)))}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Every shard has a primary, and the wanted number of copies in sync, each on another silo that is active.</summary>
    public static bool IsWhole(ClusterStatus status, int copies)
    {
        string[] active = [.. status.Silos.Where(silo => silo.State == "Active").Select(silo => silo.Address)];
        return status.Shards.All(shard => shard.Primary is not null && active.Contains(shard.Primary) && shard.InSync.Count == copies && shard.InSync.Distinct().All(active.Contains) && shard.InSync.Distinct().Count() == copies);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        foreach (ChildProcess child in _commands.Concat(_silos))
            await child.DisposeAsync();
    }

    private static string Describe(ClusterStatus status) => string.Join("\n", status.Shards.Select(shard =>
        $"shard {shard.Shard}: epoch {shard.Epoch}, primary {shard.Primary ?? $"none ({shard.Problem})"}, in sync {string.Join(" ", shard.InSync)}; copies {string.Join(" ", shard.Copies.Select(copy => $"{copy.Silo} {copy.State} {copy.Phase} {copy.Applied}"))}"));

    private static string Tail(string log) => string.Join("\n", log.Split('\n').TakeLast(15));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
