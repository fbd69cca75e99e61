using System.Buffers;
using Grid.Client.Operations;
using Grid.Client.Serialization;
using Grid.Formats.Operations;
using OperationStatus = Grid.Formats.Operations.OperationStatus;

namespace Grid.Client.Keyspaces;

/// <summary>A keyspace with typed keys and values. Values are read straight out of the reply, without an array between.</summary>
internal sealed class TypedKeyspace<TKey, TValue> : IKeyspace<TKey, TValue>
    where TKey : notnull
{
    private readonly KeyspaceCalls _calls;
    private readonly Form<TKey> _keys;
    private readonly Form<TValue> _values;
    private readonly ResultReader<GridValue<TValue>> _value;
    private readonly ResultReader<GridEntry<TValue>> _entry;
    private readonly ResultReader<GetOrAddResult<TValue>> _getOrAdd;

    public TypedKeyspace(KeyspaceCalls calls, IKeyspace bytes, IGridSerializer serializer)
    {
        _calls = calls;
        Bytes = bytes;
        _keys = Form<TKey>.For(serializer);
        _values = Form<TValue>.For(serializer);
        _value = (_, in result) => result.Status == OperationStatus.Ok ? new(true, _values.Read(result.Value)) : default;
        _entry = (_, in result) => result.Status == OperationStatus.Ok
            ? new(true, _values.Read(result.Value), result.Version, Readers.ExpiresAt(result.ExpiryUnixMs))
            : default;
        _getOrAdd = (operation, in result) => result.Status == OperationStatus.Ok
            ? new((TValue)operation.State!, true, result.Version)
            : new(_values.Read(result.Value), false, result.Version);
    }

    public string Name => _calls.Name;

    public IKeyspace Bytes { get; }

    public ValueTask<GridValue<TValue>> GetAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Read(OperationKind.Get, written.Key, _value, null, options, cancellationToken);
    }

    public ValueTask<GridEntry<TValue>> GetEntryAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Read(OperationKind.Get, written.Key, _entry, null, options, cancellationToken);
    }

    public ValueTask<SetResult> SetAsync(TKey key, TValue value, SetOptions set, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteBoth(key, value);
        return _calls.Set(written.Key, written.Value, set, options, cancellationToken);
    }

    public ValueTask<bool> DeleteAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Delete(written.Key, 0, options, cancellationToken);
    }

    public ValueTask<bool> DeleteIfVersionAsync(TKey key, ulong version, CallOptions options, CancellationToken cancellationToken)
    {
        Checks.Version(version, nameof(version));
        using Written written = WriteKey(key);
        return _calls.Delete(written.Key, version, options, cancellationToken);
    }

    public ValueTask<bool> ExistsAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Read(OperationKind.Peek, written.Key, Readers.IsOk, null, options, cancellationToken);
    }

    public ValueTask<GridExpiry> GetExpiryAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Read(OperationKind.Peek, written.Key, Readers.Expiry, _calls.Dispatcher.Clock.Time, options, cancellationToken);
    }

    public ValueTask<bool> ExpireAsync(TKey key, TimeSpan timeToLive, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Expire(written.Key, timeToLive, options, cancellationToken);
    }

    public ValueTask<bool> PersistAsync(TKey key, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Expire(written.Key, null, options, cancellationToken);
    }

    public ValueTask<GetOrAddResult<TValue>> GetOrAddAsync(
        TKey key, TValue value, TimeSpan? timeToLive, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteBoth(key, value);
        return _calls.GetOrAdd(written.Key, written.Value, timeToLive, _getOrAdd, value, options, cancellationToken);
    }

    public async ValueTask<GetOrAddResult<TValue>> GetOrAddAsync<TState>(
        TKey key,
        TState state,
        Func<TState, CancellationToken, ValueTask<TValue>> factory,
        TimeSpan? timeToLive,
        CallOptions options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(factory);
        GridEntry<TValue> there = await GetEntryAsync(key, options, cancellationToken);
        if (there.Found)
            return new(there.Value!, false, there.Version);
        TValue value = await factory(state, cancellationToken);
        return await GetOrAddAsync(key, value, timeToLive, options, cancellationToken);
    }

    public ValueTask<long> IncrementAsync(TKey key, long delta, TimeSpan? timeToLive, CallOptions options, CancellationToken cancellationToken)
    {
        using Written written = WriteKey(key);
        return _calls.Increment(written.Key, delta, timeToLive, options, cancellationToken);
    }

    public ValueTask<GridValue<TValue>[]> GetManyAsync(ReadOnlySpan<TKey> keys, CallOptions options, CancellationToken cancellationToken)
    {
        using WrittenKeys written = new(this, keys);
        return _calls.Many(OperationKind.Get, written.Keys, _value, null, options, cancellationToken);
    }

    public ValueTask<ulong[]> SetManyAsync(
        ReadOnlySpan<KeyValuePair<TKey, TValue>> entries, TimeSpan? timeToLive, CallOptions options, CancellationToken cancellationToken)
    {
        Checks.ManyKeys(entries.Length, nameof(entries));
        ScratchWriter scratch = ScratchWriter.Take();
        KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[] bytes = ArrayPool<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>>.Shared.Rent(entries.Length);
        int[] ends = ArrayPool<int>.Shared.Rent(entries.Length * 2);
        try
        {
            for (int i = 0; i < entries.Length; i++)
            {
                Write(_keys, entries[i].Key, scratch);
                ends[2 * i] = scratch.Length;
                Write(_values, entries[i].Value, scratch);
                ends[(2 * i) + 1] = scratch.Length;
            }

            for (int i = 0, start = 0; i < entries.Length; start = ends[(2 * i) + 1], i++)
                bytes[i] = new(scratch.Memory[start..ends[2 * i]], scratch.Memory[ends[2 * i]..ends[(2 * i) + 1]]);
            return _calls.SetMany(bytes.AsSpan(0, entries.Length), timeToLive, options, cancellationToken);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(ends);
            ArrayPool<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>>.Shared.Return(bytes, clearArray: true);
            scratch.Return();
        }
    }

    public ValueTask<int> DeleteManyAsync(ReadOnlySpan<TKey> keys, CallOptions options, CancellationToken cancellationToken)
    {
        using WrittenKeys written = new(this, keys);
        return Keyspace.CountAsync(_calls.Many(OperationKind.Delete, written.Keys, Readers.IsOk, null, options, cancellationToken));
    }

    public IAsyncEnumerable<ScanEntry<TKey, TValue>> ScanAsync(ScanOptions scan, CallOptions options, CancellationToken cancellationToken) =>
        Scan.Run(
            _calls,
            scan,
            options,
            (key, value) => (_keys.Read(key.Span), scan.KeysOnly ? default : _values.Read(value.Span)),
            cancellationToken);

    public ValueTask<long> ClearAsync(CallOptions options, CancellationToken cancellationToken) => Bytes.ClearAsync(options, cancellationToken);

    public ValueTask<KeyspaceCounts> GetStatisticsAsync(CallOptions options, CancellationToken cancellationToken) =>
        Bytes.GetStatisticsAsync(options, cancellationToken);

    private Written WriteKey(TKey key)
    {
        Written written = new(ScratchWriter.Take());
        try
        {
            Write(_keys, key, written.Scratch);
        }
        catch
        {
            written.Dispose();
            throw;
        }

        written.KeyLength = written.Scratch.Length;
        return written;
    }

    private Written WriteBoth(TKey key, TValue value)
    {
        Written written = WriteKey(key);
        try
        {
            Write(_values, value, written.Scratch);
        }
        catch
        {
            written.Dispose();
            throw;
        }

        return written;
    }

    private void Write<T>(Form<T> form, T value, ScratchWriter scratch)
    {
        try
        {
            form.Write(value, scratch);
        }
        catch (Exception e) when (e is not ArgumentNullException)
        {
            throw new GridSerializationException($"A {typeof(T).Name} for keyspace '{Name}' could not be written as bytes: {e.Message}", e) { Keyspace = Name };
        }
    }

    /// <summary>A key, and a value behind it, in this thread's scratch.</summary>
    private ref struct Written(ScratchWriter scratch)
    {
        public ScratchWriter Scratch { get; } = scratch;

        public int KeyLength { get; set; }

        public readonly ReadOnlySpan<byte> Key => Scratch.Memory.Span[..KeyLength];

        public readonly ReadOnlySpan<byte> Value => Scratch.Memory.Span[KeyLength..];

        public readonly void Dispose() => Scratch.Return();
    }

    /// <summary>Many keys in this thread's scratch.</summary>
    private readonly ref struct WrittenKeys
    {
        private readonly ScratchWriter _scratch;
        private readonly ReadOnlyMemory<byte>[] _keys;
        private readonly int _count;

        public WrittenKeys(TypedKeyspace<TKey, TValue> keyspace, ReadOnlySpan<TKey> keys)
        {
            Checks.ManyKeys(keys.Length, nameof(keys));
            _scratch = ScratchWriter.Take();
            _count = keys.Length;
            _keys = ArrayPool<ReadOnlyMemory<byte>>.Shared.Rent(_count);
            int[] ends = ArrayPool<int>.Shared.Rent(_count);
            try
            {
                for (int i = 0; i < _count; i++)
                {
                    keyspace.Write(keyspace._keys, keys[i], _scratch);
                    ends[i] = _scratch.Length;
                }

                for (int i = 0, start = 0; i < _count; start = ends[i], i++)
                    _keys[i] = _scratch.Memory[start..ends[i]];
            }
            catch
            {
                Dispose();
                throw;
            }
            finally
            {
                ArrayPool<int>.Shared.Return(ends);
            }
        }

        public ReadOnlySpan<ReadOnlyMemory<byte>> Keys => _keys.AsSpan(0, _count);

        public void Dispose()
        {
            ArrayPool<ReadOnlyMemory<byte>>.Shared.Return(_keys, clearArray: true);
            _scratch.Return();
        }
    }
}
