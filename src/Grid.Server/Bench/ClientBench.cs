using System.Buffers;
using System.Diagnostics;
using System.Text;
using Grid.Client;
using Grid.Client.Keyspaces;
using Grid.Client.Pipelines;

namespace Grid.Server.Bench;

/// <summary>What one kind of call costs on the client's side.</summary>
/// <param name="Kind">The kind of call.</param>
/// <param name="OperationsPerSecond">Operations per second; a get-many of 100 keys counts 100.</param>
/// <param name="CpuNsPerOperation">Processor time of this process per operation, in nanoseconds.</param>
/// <param name="AllocatedBytesPerOperation">Bytes allocated per operation, the caller's loop and the instant shards included.</param>
/// <param name="OperationsPerBatch">Operations that a request carried.</param>
public sealed record ClientBenchResult(
    string Kind, double OperationsPerSecond, double CpuNsPerOperation, double AllocatedBytesPerOperation, double OperationsPerBatch);

/// <summary>
/// Measures the client alone, over shards in this process that answer at once: the most that a client can start and end,
/// and what it allocates. Values of 100 bytes.
/// </summary>
public static class ClientBench
{
    private const int ManyKeys = 100;

    /// <summary>Runs every kind of call.</summary>
    /// <param name="callers">Calls under way at a time.</param>
    /// <param name="shardCount">Shards that they spread over.</param>
    /// <param name="duration">How long each kind is measured, after half of that to warm up.</param>
    public static async Task<IReadOnlyList<ClientBenchResult>> RunAsync(int callers, int shardCount, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(callers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(shardCount, 1);
        byte[] value = new byte[100];
        InstantShards shards = new(shardCount, value);
        await using GridClient grid = new(
            new OperationDispatcher(new GridClientOptions(), shards, shards, TimeProvider.System, ThreadPoolWorkQueue.Instance, new Random(1)),
            new NoSerializer());
        IKeyspace bytes = grid.GetKeyspace("bench");
        IKeyspace<long, byte[]> typed = grid.GetKeyspace<long, byte[]>("bench");
        ReadOnlyMemory<byte>[] keys = [.. Enumerable.Range(0, 10_000).Select(static i => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes($"key:{i:D10}"))];

        List<ClientBenchResult> results = [];
        await Add("get", 1, async (caller, n) => await bytes.GetAsync(Key(caller, n)));
        ArrayBufferWriter<byte>[] writers = [.. Enumerable.Range(0, callers).Select(static _ => new ArrayBufferWriter<byte>(256))];
        await Add("get into a writer", 1, async (caller, n) =>
        {
            writers[caller].ResetWrittenCount();
            await bytes.GetAsync(Key(caller, n), writers[caller]);
        });
        await Add("get, typed key", 1, async (caller, n) => await typed.GetAsync(caller + n));
        await Add("set", 1, async (caller, n) => await bytes.SetAsync(Key(caller, n), value));
        await Add("get-many of 100", ManyKeys, async (caller, n) => await bytes.GetManyAsync(keys.AsSpan((int)(((caller * 97L) + (n * 100)) % (keys.Length - ManyKeys)), ManyKeys)));
        return results;

        ReadOnlySpan<byte> Key(int caller, long n) => keys[(int)(((caller * 7919L) + n) % keys.Length)].Span;

        async Task Add(string kind, int operations, Func<int, long, ValueTask> call) =>
            results.Add(await MeasureAsync(kind, operations, callers, duration, shards, call));
    }

    private static async Task<ClientBenchResult> MeasureAsync(
        string kind, int operations, int callers, TimeSpan duration, InstantShards shards, Func<int, long, ValueTask> call)
    {
        await CallForAsync(callers, duration / 2, call);
        using Process process = Process.GetCurrentProcess();
        TimeSpan cpu = process.TotalProcessorTime;
        long allocated = GC.GetTotalAllocatedBytes();
        long batches = shards.Calls;
        Stopwatch watch = Stopwatch.StartNew();
        double done = await CallForAsync(callers, duration, call) * (double)operations;
        double seconds = watch.Elapsed.TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        process.Refresh();
        cpu = process.TotalProcessorTime - cpu;
        return new ClientBenchResult(kind, done / seconds, cpu.TotalNanoseconds / done, allocated / done, done / (shards.Calls - batches));
    }

    private static async Task<long> CallForAsync(int callers, TimeSpan duration, Func<int, long, ValueTask> call)
    {
        long end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        Task<long>[] all = new Task<long>[callers];
        for (int i = 0; i < callers; i++)
        {
            int caller = i;
            all[i] = Task.Run(() => CallUntilAsync(caller, end, call));
        }

        return (await Task.WhenAll(all)).Sum();
    }

    private static async Task<long> CallUntilAsync(int caller, long end, Func<int, long, ValueTask> call)
    {
        long n = 0;
        while (n % 32 != 0 || Stopwatch.GetTimestamp() < end)
            await call(caller, n++);
        return n;
    }

    private sealed class NoSerializer : IGridSerializer
    {
        public void Serialize<T>(T value, IBufferWriter<byte> destination) => throw new NotSupportedException("This measurement uses natural forms only.");

        public T Deserialize<T>(ReadOnlySpan<byte> source) => throw new NotSupportedException("This measurement uses natural forms only.");
    }
}
