using System.Text;
using Grid.Client;
using Grid.Formats;
using Grid.Formats.Buffers;
using Grid.Formats.Rdb;
using Grid.Formats.Vcs;

namespace Grid.Server.Transfer;

/// <summary>What an import did.</summary>
internal sealed record ImportReport
{
    /// <summary>Entries written and acknowledged.</summary>
    public long Written { get; set; }

    /// <summary>Entries that had expired when they were read.</summary>
    public long Expired { get; set; }

    /// <summary>Entries with an empty key, which the grid does not take.</summary>
    public long EmptyKeys { get; set; }

    /// <summary>Writes that were repeated because their first outcome was not known or not good.</summary>
    public long Repeated { get; set; }

    /// <summary>Writes whose outcome was not waited for, because the import failed.</summary>
    public long Abandoned { get; set; }

    /// <summary>Bytes of keys and values written.</summary>
    public long Bytes { get; set; }

    /// <summary>Bytes of the file read.</summary>
    public long FileBytes { get; set; }

    /// <summary>Keys of other types, which are not imported, by type.</summary>
    public required IReadOnlyDictionary<string, long> SkippedByType { get; init; }

    /// <summary>Entries started, by keyspace.</summary>
    public SortedDictionary<string, long> ByKeyspace { get; } = new(StringComparer.Ordinal);
}

/// <summary>How an import goes.</summary>
internal sealed record ImportSettings
{
    /// <summary>Keyspaces of databases that the user named.</summary>
    public required IReadOnlyDictionary<int, string> Keyspaces { get; init; }

    /// <summary>Writes outstanding.</summary>
    public int Concurrency { get; init; } = 4096;

    /// <summary>Bytes outstanding.</summary>
    public long BytesOutstandingMax { get; init; } = 64L << 20;

    /// <summary>How often a write is repeated whose outcome was not good or not known.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>What a write's acknowledgement promises; null for the client's default.</summary>
    public Durability? Durability { get; init; }
}

/// <summary>
/// Reads an RDB file as a stream and writes its string entries into keyspaces, many at a time. An entry's bytes are kept
/// until its write is acknowledged, because writing it again does no harm: an import lives through a change of primary.
/// </summary>
internal sealed class RdbImport : IRdbHandler, IDisposable
{
    private const int PieceBytes = 128 << 10;

    // Redis takes moments for which no calendar has a date; nobody will see the difference.
    private static readonly long LatestMs = new DateTimeOffset(2899, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private readonly IGrid _grid;
    private readonly ImportSettings _settings;
    private readonly TimeProvider _time;
    private readonly RdbReader _reader;
    private readonly Dictionary<string, IKeyspace> _keyspaces = new(StringComparer.Ordinal);
    private readonly Queue<PendingSet> _pending = new();
    private readonly CancellationTokenSource _stop = new();
    private IKeyspace _keyspace;
    private long _pendingBytes;
    private int _database;

    public RdbImport(IGrid grid, ImportSettings settings, TimeProvider time)
    {
        _grid = grid;
        _settings = settings;
        _time = time;
        _reader = new RdbReader(this);
        Report = new ImportReport { SkippedByType = _reader.SkippedByType };
        _keyspace = Keyspace(NameOf(0));
    }

    /// <summary>What was done so far.</summary>
    public ImportReport Report { get; }

    /// <summary>Imports the whole file, plain or in a VCS frame.</summary>
    /// <exception cref="Formats.PayloadException">The file is damaged; what came before is imported.</exception>
    /// <exception cref="GridException">A write failed for good; others before and after it may have been done.</exception>
    public async Task RunAsync(Stream file, Action<double> progress, CancellationToken cancellation)
    {
        using CancellationTokenRegistration stopping = cancellation.Register(_stop.Cancel);
        using VcsFrameReader frame = new(VcsStreamKind.Snapshot);
        byte[] piece = new byte[PieceBytes];
        try
        {
            int read;
            while ((read = await file.ReadAsync(piece, cancellation)) > 0)
            {
                int at = 0;
                while (FeedOne(frame, piece.AsSpan(0, read), ref at))
                    await DrainAsync(_settings.Concurrency, _settings.BytesOutstandingMax);
                Report.FileBytes += read;
                progress(Report.FileBytes);
                if (at < read)
                    frame.ValidateEnd(piece.AsSpan(at, read - at));
            }

            frame.ValidateEnd([]);
            _reader.Complete();
            await DrainAsync(0, 0);
        }
        catch (PayloadException)
        {
            // What came before the damage is as good as in a whole file.
            await DrainAsync(0, 0);
            throw;
        }
        catch
        {
            await _stop.CancelAsync();
            await AbandonAsync();
            throw;
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stop.Dispose();
    }

    void IRdbHandler.OnSelectDb(int database)
    {
        _database = database;
        _keyspace = Keyspace(NameOf(database));
    }

    void IRdbHandler.OnAux(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.SequenceEqual(KeyspaceNames.Field) && !_settings.Keyspaces.ContainsKey(_database))
            _keyspace = Keyspace(Encoding.UTF8.GetString(value));
    }

    void IRdbHandler.OnSkipped(string typeName, ReadOnlySpan<byte> key)
    {
    }

    void IRdbHandler.OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs)
    {
        if (key.IsEmpty)
        {
            Report.EmptyKeys++;
            return;
        }

        if (expiryUnixMs is { } expiry && expiry <= NowMs())
        {
            Report.Expired++;
            return;
        }

        PooledBuffer bytes = PooledBuffer.Rent(key.Length + value.Length);
        bytes.Write(key);
        bytes.Write(value);
        PendingSet pending = new(_keyspace, bytes, key.Length, expiryUnixMs);
#pragma warning disable CA2012 // Kept in the queue, and awaited exactly once when it leaves it.
        _pending.Enqueue(pending with { Task = StartSet(pending) });
#pragma warning restore CA2012
        _pendingBytes += bytes.Length;
        Report.ByKeyspace[_keyspace.Name] = Report.ByKeyspace.GetValueOrDefault(_keyspace.Name) + 1;
    }

    /// <summary>Hands the next run of plain bytes to the reader.</summary>
    /// <returns>False when the frame wants more of the file.</returns>
    private bool FeedOne(VcsFrameReader frame, ReadOnlySpan<byte> piece, ref int at)
    {
        ReadOnlySpan<byte> input = piece[at..];
        VcsReadStatus status = frame.Read(ref input, out ReadOnlySpan<byte> plain);
        at = piece.Length - input.Length;
        if (status == VcsReadStatus.Produced)
            _reader.Feed(plain);
        return status == VcsReadStatus.Produced;
    }

    private ValueTask<SetResult> StartSet(in PendingSet set)
    {
        ReadOnlySpan<byte> bytes = set.Bytes.Span;
        return set.Keyspace.SetAsync(bytes[..set.KeyLength], bytes[set.KeyLength..], OptionsFor(set.ExpiryUnixMs), new CallOptions { Durability = _settings.Durability }, _stop.Token);
    }

    private static SetOptions OptionsFor(long? expiryUnixMs) => expiryUnixMs is { } expiry
        ? SetOptions.ExpireAt(DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(expiry, LatestMs)))
        : default;

    /// <summary>Waits until few enough writes are outstanding.</summary>
    private async Task DrainAsync(int operationsMax, long bytesMax)
    {
        while (_pending.Count > operationsMax || (_pendingBytes > bytesMax && _pending.Count > 0))
        {
            PendingSet set = _pending.Dequeue();
            await SettleAsync(set);
            _pendingBytes -= set.Bytes.Length;
            Report.Bytes += set.Bytes.Length;
            Report.Written++;
            set.Bytes.Release();
        }
    }

    private async Task SettleAsync(PendingSet set)
    {
        try
        {
            await set.Task;
            return;
        }
        catch (GridException failure) when (CanRepeat(failure))
        {
            Report.Repeated++;
        }

        for (int attempt = 2; ; attempt++)
        {
            try
            {
                await StartSet(set);
                return;
            }
            catch (GridException failure) when (attempt < _settings.Attempts && CanRepeat(failure))
            {
                Report.Repeated++;
            }
        }
    }

    private static bool CanRepeat(GridException failure) =>
        failure is GridTimeoutException or GridIndeterminateException or GridUnavailableException or GridOverloadedException or GridNotEnoughReplicasException;

    /// <summary>Lets go of what was started: the import has failed, what these writes came to changes nothing.</summary>
    private async Task AbandonAsync()
    {
        while (_pending.TryDequeue(out PendingSet set))
        {
            try
            {
                await set.Task;
                Report.Written++;
            }
            catch (Exception failure) when (failure is GridException or OperationCanceledException)
            {
                Report.Abandoned++;
            }
        }
    }

    private string NameOf(int database) => _settings.Keyspaces.GetValueOrDefault(database) ?? KeyspaceNames.Of(database);

    private IKeyspace Keyspace(string name)
    {
        if (!_keyspaces.TryGetValue(name, out IKeyspace? keyspace))
            _keyspaces.Add(name, keyspace = _grid.GetKeyspace(name));
        return keyspace;
    }

    private long NowMs() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private readonly record struct PendingSet(IKeyspace Keyspace, PooledBuffer Bytes, int KeyLength, long? ExpiryUnixMs)
    {
        public ValueTask<SetResult> Task { get; init; }
    }
}
