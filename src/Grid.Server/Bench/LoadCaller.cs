using System.Buffers.Text;
using System.Text;
using Grid.Client;

namespace Grid.Server.Bench;

/// <summary>What one call did.</summary>
/// <param name="Operations">Operations in it.</param>
/// <param name="Misses">Reads that found nothing.</param>
/// <param name="ConditionsFailed">Writes whose condition did not hold.</param>
internal readonly record struct LoadOutcome(int Operations, int Misses, int ConditionsFailed);

/// <summary>One caller: draws operations, keys and values, and makes one call at a time.</summary>
internal sealed class LoadCaller
{
    private const int KeyBytes = 14;
    private const int Counters = 1000;

    private readonly LoadBenchOptions _options;
    private readonly byte[] _values;
    private readonly byte[] _key = new byte[KeyBytes];
    private byte[][] _manyKeys = [];
    private KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[] _entries = [];
    private ReadOnlyMemory<byte>[] _memories = [];
    private ulong _dice;

    public LoadCaller(LoadBenchOptions options, byte[] values, int number)
    {
        _options = options;
        _values = values;
        _dice = ((ulong)options.Seed * 0x9E37_79B9_7F4A_7C15) ^ ((ulong)(number + 1) * 0xD1B5_4A32_D192_ED03) | 1;
        Prefix(_key);
    }

    /// <summary>Makes one call of a kind that the mix decides.</summary>
    public ValueTask<LoadOutcome> CallOnceAsync(IKeyspace keyspace)
    {
        LoadMix mix = _options.Mix;
        int draw = Draw(100);
        if ((draw -= mix.Get) < 0)
            return GetAsync(keyspace);
        if ((draw -= mix.Set) < 0)
            return SetAsync(keyspace);
        if ((draw -= mix.CompareAndSet) < 0)
            return CompareAndSetAsync(keyspace);
        if ((draw -= mix.Increment) < 0)
            return IncrementAsync(keyspace);
        if ((draw -= mix.Delete) < 0)
            return DeleteAsync(keyspace);
        return draw - mix.GetMany < 0 ? GetManyAsync(keyspace) : SetManyAsync(keyspace);
    }

    /// <summary>The entries with consecutive keys, valid until the next call of this caller.</summary>
    public ReadOnlySpan<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> Entries(int first, int count)
    {
        EnsureMany(count);
        for (int i = 0; i < count; i++)
        {
            Number(_manyKeys[i], first + i);
            _entries[i] = new(_manyKeys[i], Value());
        }

        return _entries.AsSpan(0, count);
    }

    private async ValueTask<LoadOutcome> GetAsync(IKeyspace keyspace) =>
        new(1, await keyspace.GetAsync(RandomKey()) is null ? 1 : 0, 0);

    private async ValueTask<LoadOutcome> SetAsync(IKeyspace keyspace)
    {
        await keyspace.SetAsync(RandomKey(), Value().Span);
        return new(1, 0, 0);
    }

    private async ValueTask<LoadOutcome> CompareAndSetAsync(IKeyspace keyspace)
    {
        byte[] key = RandomKey();
        GridEntry<byte[]> entry = await keyspace.GetEntryAsync(key);
        SetResult result = await keyspace.SetAsync(key, Value().Span, entry.Found ? SetOptions.IfVersion(entry.Version) : SetOptions.IfAbsent);
        return new(2, entry.Found ? 0 : 1, result.Applied ? 0 : 1);
    }

    private async ValueTask<LoadOutcome> IncrementAsync(IKeyspace keyspace)
    {
        await keyspace.IncrementAsync(Encoding.ASCII.GetBytes($"counter:{Draw(Counters)}"));
        return new(1, 0, 0);
    }

    private async ValueTask<LoadOutcome> DeleteAsync(IKeyspace keyspace)
    {
        await keyspace.DeleteAsync(RandomKey());
        return new(1, 0, 0);
    }

    private async ValueTask<LoadOutcome> GetManyAsync(IKeyspace keyspace)
    {
        int count = _options.ManyKeys;
        EnsureMany(count);
        for (int i = 0; i < count; i++)
            Number(_manyKeys[i], Draw(_options.Keys));
        byte[]?[] values = await keyspace.GetManyAsync(_memories.AsSpan(0, count));
        int misses = 0;
        foreach (byte[]? value in values)
            misses += value is null ? 1 : 0;
        return new(count, misses, 0);
    }

    private async ValueTask<LoadOutcome> SetManyAsync(IKeyspace keyspace)
    {
        int count = Math.Min(_options.ManyKeys, _options.Keys);
        await keyspace.SetManyAsync(Entries(Draw(_options.Keys - count + 1), count));
        return new(count, 0, 0);
    }

    private byte[] RandomKey()
    {
        Number(_key, Draw(_options.Keys));
        return _key;
    }

    private ReadOnlyMemory<byte> Value()
    {
        int length = _options.ValueBytesMin + Draw(_options.ValueBytesMax - _options.ValueBytesMin + 1);
        return _values.AsMemory(Draw(_values.Length - length + 1), length);
    }

    private void EnsureMany(int count)
    {
        if (_manyKeys.Length >= count)
            return;
        _manyKeys = new byte[count][];
        _memories = new ReadOnlyMemory<byte>[count];
        for (int i = 0; i < count; i++)
        {
            _manyKeys[i] = new byte[KeyBytes];
            Prefix(_manyKeys[i]);
            _memories[i] = _manyKeys[i];
        }

        _entries = new KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[count];
    }

    private static void Prefix(byte[] key) => "key:"u8.CopyTo(key);

    private static void Number(byte[] key, int number) => Utf8Formatter.TryFormat(number, key.AsSpan(4), out _, new System.Buffers.StandardFormat('D', KeyBytes - 4));

    private int Draw(int below)
    {
        _dice ^= _dice << 13;
        _dice ^= _dice >> 7;
        _dice ^= _dice << 17;
        return (int)((_dice >> 33) % (uint)below);
    }
}

/// <summary>Counts of several callers.</summary>
internal sealed class LoadLane
{
    private readonly Lock _gate = new();

    public LatencyHistogram Latencies { get; } = new();

    public long Operations { get; private set; }

    public long Misses { get; private set; }

    public long ConditionsFailed { get; private set; }

    public void Record(long nanoseconds, in LoadOutcome outcome)
    {
        lock (_gate)
        {
            Latencies.Record(nanoseconds);
            Operations += outcome.Operations;
            Misses += outcome.Misses;
            ConditionsFailed += outcome.ConditionsFailed;
        }
    }
}
