using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Grid.Storage;

namespace Grid.Benchmarks.Storage;

/// <summary>Single operations on a keyspace of 16 B keys and 32 B values, at random places.</summary>
[MemoryDiagnoser]
public class KeyspaceBenchmarks : IDisposable
{
    private const int Batch = 64;
    private readonly byte[] _keys = new byte[16 * Batch];
    private readonly ulong[] _hashes = new ulong[Batch];
    private readonly byte[] _value = new byte[32];
    private ShardStore _store = null!;
    private Keyspace _keyspace = null!;
    private ulong _random = 88172645463325252;
    private ulong _version;

    /// <summary>1 million entries leave the second-level cache, 10 million the third.</summary>
    [Params(1_000_000, 10_000_000)]
    public int Entries { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _store = new ShardStore(new PagePool());
        _keyspace = _store.GetOrCreate(0, "bench");
        for (int i = 0; i < Entries; i++)
        {
            Span<byte> key = Key(0, (ulong)i);
            _keyspace.Set(key, KeyHash.Compute(key), _value, 0, ++_version);
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _store.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public int Get()
    {
        int found = 0;
        for (int i = 0; i < Batch; i++)
        {
            Span<byte> key = Key(0, Next());
            if (_keyspace.TryGet(key, KeyHash.Compute(key), 1, out EntryView entry))
                found += entry.Value.Length;
        }

        return found;
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public void Set()
    {
        for (int i = 0; i < Batch; i++)
        {
            Span<byte> key = Key(0, Next());
            _keyspace.Set(key, KeyHash.Compute(key), _value, 0, ++_version);
        }
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public int GetBatch()
    {
        Announce();
        int found = 0;
        for (int i = 0; i < Batch; i++)
        {
            if (_keyspace.TryGet(_keys.AsSpan(i * 16, 16), _hashes[i], 1, out EntryView entry))
                found += entry.Value.Length;
        }

        return found;
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public void SetBatch()
    {
        Announce();
        for (int i = 0; i < Batch; i++)
            _keyspace.Set(_keys.AsSpan(i * 16, 16), _hashes[i], _value, 0, ++_version);
    }

    private void Announce()
    {
        for (int i = 0; i < Batch; i++)
        {
            _hashes[i] = KeyHash.Compute(Key(i, Next()));
            _keyspace.PrefetchSlot(_hashes[i]);
        }

        for (int i = 0; i < Batch; i++)
            _keyspace.PrefetchRecord(_hashes[i]);
    }

    private Span<byte> Key(int place, ulong index)
    {
        Span<byte> key = _keys.AsSpan(place * 16, 16);
        MemoryMarshal.Write(key, index * 0x9E3779B97F4A7C15);
        return key;
    }

    private ulong Next()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return Math.BigMul(_random, (ulong)Entries, out _);
    }
}
