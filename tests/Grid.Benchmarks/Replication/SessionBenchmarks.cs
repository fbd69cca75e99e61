using BenchmarkDotNet.Attributes;
using Grid.Formats.Mutations;
using Grid.Replication.Sessions;

namespace Grid.Benchmarks.Replication;

/// <summary>A shard's session table as full as it gets by default: 4,096 clients with 64 operations each that they have not settled.</summary>
[MemoryDiagnoser]
public class SessionBenchmarks
{
    private const int Clients = 4096;
    private const int Unsettled = 64;
    private const int Batch = 64;

    private readonly SessionTable _table = new();
    private long _number;
    private ulong _random = 88172645463325252;

    [GlobalSetup]
    public void Fill()
    {
        for (int client = 0; client < Clients; client++)
            _table.Open(client, (ulong)client + 1, floor: 1, offset: client + 1);
        while (_number < Unsettled)
            RecordForEach();
    }

    /// <summary>An operation of some client is remembered, its oldest one is settled.</summary>
    [Benchmark(OperationsPerInvoke = Clients)]
    public void Record() => RecordForEach();

    /// <summary>A repeated operation is looked up.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public int Find()
    {
        int found = 0;
        for (int i = 0; i < Batch; i++)
        {
            if (_table.Find((Next() % Clients) + 1)!.TryFind(_number - (long)(Next() % Unsettled), out _))
                found++;
        }

        return found;
    }

    /// <summary>What a snapshot, or a comparison of copies, has the shard's writes wait for.</summary>
    [Benchmark]
    public ulong Freeze() => _table.Freeze().EvictedUpTo;

    /// <summary>What a snapshot takes of the table, beside the writes.</summary>
    [Benchmark]
    public int Pack() => _table.Pack().Count;

    /// <summary>What a comparison of copies takes of it.</summary>
    [Benchmark]
    public ulong Digest() => _table.Digest();

    private void RecordForEach()
    {
        _number++;
        for (int client = 0; client < Clients; client++)
            _table.Record(new MutationOrigin(client, _number, Math.Max(1, _number - Unsettled + 1)), keyspace: 0, clears: false, keyHash: Next(), version: (ulong)_number, result: 0);
    }

    private ulong Next()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        return _random ^= _random << 17;
    }
}
