using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Silo.Copies;
using Grid.Silo.Placement;
using Grid.Storage;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace Grid.Silo.Grains;

/// <summary>
/// One export of one copy: the copy's exact state at one offset, read in slices under its gate while writes go on. Lives
/// on the copy's silo; its key is <c>export-GUID-SHARD/SILO</c>.
/// </summary>
[SiloBoundPlacement, Immovable]
internal sealed class ExportGrain(CopyHost host, IOptions<GridOptions> options) : Grain, IExportGrain
{
    /// <summary>What keys begin with.</summary>
    public const string KeyPrefix = "export-";

    private const int PageBytesMax = 1 << 20;
    private const int SliceEntries = 1024;
    private const int SliceBytes = 256 << 10;
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CommitTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CommitPause = TimeSpan.FromMilliseconds(10);

    private readonly ExportPages _pages = new(PageBytesMax);
    private HostedCopy? _hosted;
    private ShardCopy? _copy;
    private ShardSnapshot? _scan;
    private bool _scanned;
    private long _usedAt = Stopwatch.GetTimestamp();

    private int Shard => int.Parse(SiloBoundKey.Parse(this.GetPrimaryKeyString()).Name[(KeyPrefix.Length + 33)..], CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.RegisterGrainTimer(EndWhenLeftAlone, new GrainTimerCreationOptions(LookPeriod, LookPeriod) { KeepAlive = true });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        End();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<ExportStart> BeginAsync()
    {
        _usedAt = Stopwatch.GetTimestamp();
        if (_scan is not null || _scanned)
            throw new InvalidOperationException($"The export of shard {Shard} has begun already.");
        _hosted = host.Find(Shard) ?? throw Gone();
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            (ShardCopy copy, ShardSnapshot? scan, bool reigns) = _hosted.Use(copy => (copy, TryBegin(_hosted, copy), _hosted.Primary is { IsDown: false }));
            if (scan is not null)
            {
                (_copy, _scan) = (copy, scan);
                return new ExportStart(Shard, host.Silo, reigns, scan.Entries);
            }

            // At a primary some data are nearly always on their way to being committed; the moment without comes soon.
            if (Stopwatch.GetElapsedTime(began) > CommitTime)
                throw new InvalidOperationException($"Shard {Shard} on silo {host.Silo} had uncommitted data for {CommitTime.TotalSeconds} s, which are not exported. Export again; with a replica in sync it is the replica that is read.");
            await Task.Delay(CommitPause);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ExportPage> NextAsync()
    {
        _usedAt = Stopwatch.GetTimestamp();
        if (_scan is null && !_scanned)
            throw new InvalidOperationException($"The export of shard {Shard} has ended, or was left alone for {IdleTime.TotalSeconds} s. Begin again.");
        while (!_scanned && !_pages.HasFull)
        {
            if (!ScanSlice())
                EndScan();
            else
                await Task.Yield();
        }

        ExportPage page = _pages.Take(_scanned);
        if (page.Done)
            DeactivateOnIdle();
        return page;
    }

    /// <summary>Only whole copies, and nothing that could still be lost.</summary>
    private ShardSnapshot? TryBegin(HostedCopy hosted, ShardCopy copy)
    {
        if (hosted.IsFreed || copy.State != CopyState.Complete)
            throw Gone();
        return copy.CommittedSeen >= copy.Applied ? copy.Store.BeginSnapshot(copy.Store.LastVersion) : null;
    }

    private bool ScanSlice() => _hosted!.Use(current =>
    {
        if (current != _copy || _hosted.IsFreed)
            throw Gone();
        if (_scan!.KeptBytes > options.Value.SnapshotKeptBytesMax)
            throw new InvalidOperationException($"The export of shard {Shard} is given up: entries written meanwhile take more than {GridConstants.ConfigurationSection}:{nameof(options.Value.SnapshotKeptBytesMax)} = {options.Value.SnapshotKeptBytesMax} bytes to keep. Fetch its pages faster, or raise that setting.");
        return _scan.Next(_pages, SliceEntries, SliceBytes);
    });

    private InvalidOperationException Gone() =>
        new($"Silo {host.Silo} no longer has the complete copy of shard {Shard} that the export reads: it was dropped or replaced. Export again.");

    private Task EndWhenLeftAlone(CancellationToken cancellation)
    {
        if (Stopwatch.GetElapsedTime(_usedAt) > IdleTime)
        {
            End();
            DeactivateOnIdle();
        }

        return Task.CompletedTask;
    }

    private void EndScan()
    {
        End();
        _scanned = true;
    }

    private void End()
    {
        if (_scan is not { } scan)
            return;
        _scan = null;
        _hosted!.Use(_ =>
        {
            scan.Dispose();
            return true;
        });
    }

    /// <summary>Cuts the scan into pages, each of one keyspace.</summary>
    private sealed class ExportPages(int bytesMax) : ISnapshotSink
    {
        private readonly Queue<ExportPage> _full = new();
        private PooledBuffer? _buffer;
        private Formats.Operations.ScanPageWriter? _writer;
        private string _keyspace = "";

        public bool HasFull => _full.Count > 0;

        public void OnKeyspace(int id, string name)
        {
            EndPage();
            _keyspace = name;
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
        {
            if (_buffer is not null && _buffer.Length + key.Length + value.Length > bytesMax - 64)
                EndPage();
            if (_buffer is null)
            {
                _buffer = PooledBuffer.Rent(bytesMax);
                _writer = new Formats.Operations.ScanPageWriter(_buffer, keysOnly: false);
            }

            _writer!.Add(key, value, version, expiryUnixMs);
        }

        public ExportPage Take(bool scanned)
        {
            if (scanned)
                EndPage();
            if (!_full.TryDequeue(out ExportPage? page))
                return new ExportPage { Done = true };
            page.Entries!.HandOver();
            return page with { Done = scanned && _full.Count == 0 };
        }

        private void EndPage()
        {
            if (_buffer is null)
                return;
            _writer!.End(0, done: false);
            _full.Enqueue(new ExportPage { Keyspace = _keyspace, Entries = _buffer });
            _buffer = null;
            _writer = null;
        }
    }
}
