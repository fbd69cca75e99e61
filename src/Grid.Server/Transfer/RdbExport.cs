using System.Globalization;
using System.Threading.Channels;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Formats.Rdb;
using Grid.Formats.Snapshots;

namespace Grid.Server.Transfer;

/// <summary>What an export did.</summary>
internal sealed record ExportReport
{
    /// <summary>Entries in the file.</summary>
    public long Written { get; set; }

    /// <summary>Entries that had expired and were left out.</summary>
    public long Expired { get; set; }

    /// <summary>Bytes of the RDB file before compression.</summary>
    public long RawBytes { get; set; }

    /// <summary>Bytes of the file.</summary>
    public long FileBytes { get; set; }

    /// <summary>Shards whose data came from a replica.</summary>
    public int FromReplicas { get; set; }

    /// <summary>Shards whose data came from their primary, because no replica was in sync.</summary>
    public int FromPrimaries { get; set; }

    /// <summary>Entries by keyspace.</summary>
    public SortedDictionary<string, long> ByKeyspace { get; } = new(StringComparer.Ordinal);

    /// <summary>Database numbers by keyspace.</summary>
    public IReadOnlyDictionary<string, int> Databases { get; set; } = new Dictionary<string, int>();
}

/// <summary>
/// Writes all shards' data into one RDB file: each shard's exact state at one offset, read page by page, a few shards at a
/// time. Pages of different shards stand in the file as they come, each behind the number and name of its keyspace.
/// </summary>
internal sealed class RdbExport(IGridOperatorGrain grid, int shards, SnapshotCodec codec, IReadOnlySet<string> keyspaces, TimeProvider time)
{
    private const int ShardsAtATime = 2;
    private const int PagesAhead = 4;

    private readonly DatabaseNumbers _databases = new();
    private readonly ExportReport _report = new();
    private int _shardsDone;

    /// <summary>Runs; what is written is a whole file when this returns.</summary>
    public async Task<ExportReport> RunAsync(Stream file, Action<double> progress, CancellationToken cancellation)
    {
        Channel<ExportPage> pages = Channel.CreateBounded<ExportPage>(PagesAhead);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task reading = ReadAllAsync(pages.Writer, stop.Token);
        try
        {
            await WriteAsync(file, pages.Reader, progress, cancellation);
        }
        finally
        {
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _report.Databases = _databases.All;
        return _report;
    }

    /// <summary>Fetches the pages of all shards; a failure ends the channel with it.</summary>
    private async Task ReadAllAsync(ChannelWriter<ExportPage> pages, CancellationToken cancellation)
    {
        try
        {
            ParallelOptions options = new() { MaxDegreeOfParallelism = ShardsAtATime, CancellationToken = cancellation };
            await Parallel.ForEachAsync(Enumerable.Range(0, shards), options, (shard, token) => new ValueTask(ReadAsync(shard, pages, token)));
            pages.Complete();
        }
        catch (Exception failure)
        {
            pages.Complete(failure);
            throw;
        }
    }

    private async Task ReadAsync(int shard, ChannelWriter<ExportPage> pages, CancellationToken cancellation)
    {
        IExportGrain export = await grid.OpenExportAsync(shard);
        ExportStart start = await export.BeginAsync();
        lock (_report)
        {
            if (start.IsPrimary)
                _report.FromPrimaries++;
            else
                _report.FromReplicas++;
        }

        ExportPage page;
        do
        {
            page = await export.NextAsync();
            if (page.Entries is not null)
                await pages.WriteAsync(page, cancellation);
        }
        while (!page.Done);
        Interlocked.Increment(ref _shardsDone);
    }

    private async Task WriteAsync(Stream file, ChannelReader<ExportPage> pages, Action<double> progress, CancellationToken cancellation)
    {
        using SnapshotPayloadEncoder encoder = new(codec);
        PooledBuffer plain = PooledBuffer.Rent(2 << 20);
        RdbWriter rdb = new(plain);
        rdb.WriteHeader();
        rdb.WriteAux("grid-export", time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
        string? keyspace = null;
        await foreach (ExportPage page in pages.ReadAllAsync(cancellation))
        {
            if (keyspaces.Count == 0 || keyspaces.Contains(page.Keyspace))
                WritePage(rdb, page, ref keyspace);
            page.Entries!.ReleaseReceived();
            await EncodeAsync(encoder, plain, file, cancellation);
            progress(Volatile.Read(ref _shardsDone));
        }

        rdb.WriteEnd();
        encoder.Write(plain.Span);
        plain.Release();
        encoder.Finish();
        await FlushAsync(encoder, file, cancellation);
        _report.RawBytes = encoder.RawBytes;
        _report.FileBytes = encoder.WireBytes;
    }

    private void WritePage(RdbWriter rdb, ExportPage page, ref string? keyspace)
    {
        if (page.Keyspace != keyspace)
        {
            keyspace = page.Keyspace;
            rdb.WriteSelectDb(_databases.Of(keyspace));
            rdb.WriteAux(System.Text.Encoding.UTF8.GetString(KeyspaceNames.Field), keyspace);
        }

        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        long written = 0;
        ScanPageReader entries = new(page.Entries!.Span);
        while (entries.TryRead(out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out _, out long expiryUnixMs))
        {
            if (expiryUnixMs != 0 && expiryUnixMs <= now)
            {
                _report.Expired++;
                continue;
            }

            rdb.WriteEntry(key, value, expiryUnixMs);
            written++;
        }

        _report.Written += written;
        _report.ByKeyspace[keyspace] = _report.ByKeyspace.GetValueOrDefault(keyspace) + written;
    }

    private static async Task EncodeAsync(SnapshotPayloadEncoder encoder, PooledBuffer plain, Stream file, CancellationToken cancellation)
    {
        encoder.Write(plain.Span);
        plain.Truncate(0);
        await FlushAsync(encoder, file, cancellation);
    }

    private static async Task FlushAsync(SnapshotPayloadEncoder encoder, Stream file, CancellationToken cancellation)
    {
        while (encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            await file.WriteAsync(chunk.Memory, cancellation);
            chunk.Release();
        }
    }
}
