using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Grid.Server.Bench.Sync;

/// <summary>
/// What redis-server needs for the same: <c>REPLICAOF</c> with the snapshot sent without a disk at either side, at once, uncompressed, while
/// the same foreground goes on.
/// </summary>
internal static class SyncBenchRedis
{
    private const string Program = "redis-server";
    private const int CommandsAtOnce = 500;
    private const int BatchesAhead = 8;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan SyncLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Whether it is installed.</summary>
    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(static folder => File.Exists(Path.Combine(folder, Program)));

    /// <summary>Loads the data, syncs a replica, and measures.</summary>
    public static async Task<SyncRound> RunAsync(SyncBenchOptions options, int primaryPort, int replicaPort, Action<string> progress, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("grid-bench-").FullName;
        IPEndPoint primary = new(options.Address, primaryPort);
        IPEndPoint replica = new(options.ReplicaAddress, replicaPort);
        using Process primaryServer = Start(primary, folder, []);
        Process? replicaServer = null;
        try
        {
            using RedisConnection connection = await ConnectAsync(primary, cancellation);
            long began = Stopwatch.GetTimestamp();
            await LoadAsync(connection, options, cancellation);
            progress($"redis-server: {options.Records:N0} records loaded in {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s");
            replicaServer = Start(replica, folder, options.ReplicaWithin);
            using RedisConnection replicaConnection = await ConnectAsync(replica, cancellation);
            return await SyncAsync(connection, replicaConnection, primary, options, cancellation);
        }
        finally
        {
            await EndAsync(replicaServer);
            await EndAsync(primaryServer);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process Start(IPEndPoint at, string folder, IReadOnlyList<string> within)
    {
        string[] command =
        [
            .. within, Program,
            "--port", at.Port.ToString(CultureInfo.InvariantCulture), "--bind", at.Address.ToString(), "--protected-mode", "no",
            "--dir", folder, "--save", "", "--appendonly", "no", "--rdbcompression", "no", "--loglevel", "warning",
            "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb",
            "--client-output-buffer-limit", "replica 0 0 0",
        ];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true };
        Process process = Process.Start(start) ?? throw new CommandException(ExitCode.Failed, $"{Program} could not be started.");
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }

    private static async Task EndAsync(Process? server)
    {
        if (server is null)
            return;
        if (!server.HasExited)
            server.Kill();
        await server.WaitForExitAsync(CancellationToken.None);
        server.Dispose();
    }

    private static async Task<RedisConnection> ConnectAsync(IPEndPoint at, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await RedisConnection.OpenAsync(at, cancellation);
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(began) < StartLimit)
            {
                await Task.Delay(Pause, cancellation);
            }
            catch (SocketException failure)
            {
                throw new CommandException(ExitCode.Failed, $"{Program} does not answer at {at} after {StartLimit.TotalSeconds} s.", failure);
            }
        }
    }

    private static async Task LoadAsync(RedisConnection connection, SyncBenchOptions options, CancellationToken cancellation)
    {
        byte[] key = new byte[DataSet.KeyBytes];
        byte[] value = new byte[DataSet.ValueBytesMax];
        Queue<Task> underWay = new();
        for (long first = 0; first < options.Records; first += CommandsAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(CommandsAtOnce, options.Records - first);
            ArrayBufferWriter<byte> commands = new(count * 400);
            for (int i = 0; i < count; i++)
            {
                options.Data.WriteKey(first + i, key);
                int length = options.Data.WriteValue(first + i, value);
                RedisConnection.Write(commands, "SET"u8.ToArray(), key, value.AsMemory(0, length));
            }

            while (underWay.Count >= BatchesAhead)
                await underWay.Dequeue();
            underWay.Enqueue(connection.SendAsync(commands.WrittenMemory, count));
        }

        await Task.WhenAll(underWay);
    }

    private static async Task<SyncRound> SyncAsync(RedisConnection primary, RedisConnection replica, IPEndPoint primaryAt, SyncBenchOptions options, CancellationToken cancellation)
    {
        ReadOnlyMemory<byte> set = "SET"u8.ToArray();
        using SyncForeground foreground = new(options.Data, options.Records, options.Foreground, async (key, value) => await primary.CallAsync(set, key, value));
        await Task.Delay(options.Before, cancellation);
        ForegroundLatency before = foreground.Take();
        long began = Stopwatch.GetTimestamp();
        await replica.CallAsync($"REPLICAOF {primaryAt.Address} {primaryAt.Port}");
        while (await Field(replica, "master_link_status") != "up")
            await WaitAsync();

        // The link is up when the snapshot is loaded; what was written meanwhile still has to come.
        long offset = long.Parse(await Field(primary, "master_repl_offset"), CultureInfo.InvariantCulture);
        while (long.Parse(await Field(replica, "slave_repl_offset"), CultureInfo.InvariantCulture) < offset)
            await WaitAsync();
        return new SyncRound(Stopwatch.GetElapsedTime(began).TotalSeconds, before, foreground.Take(), null, null);

        Task WaitAsync() => Stopwatch.GetElapsedTime(began) < SyncLimit
            ? Task.Delay(Pause, cancellation)
            : throw new CommandException(ExitCode.Failed, $"{Program} has not synced after {SyncLimit.TotalMinutes} minutes.");
    }

    private static async Task<string> Field(RedisConnection server, string name)
    {
        string information = await server.CallAsync("INFO replication");
        return information.Split("\r\n").First(line => line.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..];
    }
}
