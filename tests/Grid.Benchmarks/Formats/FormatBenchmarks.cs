using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Grid.Formats.Buffers;
using Grid.Formats.Checksums;
using Grid.Formats.Lz4;
using Grid.Formats.Mutations;
using Grid.Formats.Rdb;
using Grid.Formats.Snapshots;
using Grid.Formats.Vcs;

namespace Grid.Benchmarks.Formats;

/// <summary>
/// How fast the formats are, on 100,000 values of about 310 bytes (about 30 MB as RDB). Every method handles the whole
/// uncompressed file once, so the MB/s of all of them compare.
/// </summary>
[MemoryDiagnoser]
[Config(typeof(Config))]
public class FormatBenchmarks
{
    private const int Values = 100_000;
    private const int PieceBytes = 256 << 10;

    private readonly PooledBuffer _out = PooledBuffer.Rent(64 << 20);
    private byte[][] _values = [];
    private byte[] _raw = [];
    private byte[] _plain = [];
    private byte[] _frame = [];
    private byte[] _flushed = [];
    private byte[] _key = [];

    /// <summary>Whether the values compress.</summary>
    [Params("documents", "noise")]
    public string Data { get; set; } = "";

    /// <summary>Length of the uncompressed file in bytes by kind of data, for the MB/s.</summary>
    public static Dictionary<string, long> RawBytes { get; } = [];

    [GlobalSetup]
    public void Setup()
    {
        _values = Data == "noise" ? SampleValues.Noise(Values) : SampleValues.Documents(Values);
        _key = "tw:0000000000000"u8.ToArray();
        WriteSnapshot();
        _raw = _out.Span.ToArray();
        RawBytes[Data] = _raw.Length;
        _plain = Encode(SnapshotCodec.None);
        _frame = Encode(SnapshotCodec.Lz4);
        EncodeFlushed();
        _flushed = _out.Span.ToArray();
        Console.WriteLine($"// {Data}: raw {_raw.Length}, one frame {_frame.Length} (ratio {(double)_raw.Length / _frame.Length:f2}), flushed every 1,000 bytes {_flushed.Length}");
    }

    [Benchmark]
    public ulong Crc64() => Crc64Jones.Append(0, _raw);

    [Benchmark]
    public ulong Crc64ByTables() => Crc64Jones.AppendByTables(0, _raw);

    [Benchmark]
    public long WriteSnapshot()
    {
        _out.Truncate(0);
        SnapshotWriter writer = new(_out);
        writer.Begin(new SnapshotMetadata { Shard = 1, Lineage = "x", BasePosition = new LogPosition(1, Values), History = [] });
        writer.BeginKeyspace(0, "tweets");
        for (int i = 0; i < _values.Length; i++)
        {
            BitConverter.TryWriteBytes(_key.AsSpan(8), (long)i);
            writer.WriteEntry(_key, _values[i], 0, (ulong)(i * 977L % Values));
        }

        return writer.End().RawBytes;
    }

    [Benchmark]
    public long EncodePlain() => Drain(SnapshotCodec.None);

    [Benchmark]
    public long EncodeLz4() => Drain(SnapshotCodec.Lz4);

    [Benchmark]
    public long EncodeLz4FlushedEvery1000Bytes() => EncodeFlushed();

    [Benchmark]
    public long DecodeLz4()
    {
        using VcsFrameReader reader = new(VcsStreamKind.Snapshot);
        return Decode(reader, _frame);
    }

    [Benchmark]
    public long DecodeLz4FlushedEvery1000Bytes()
    {
        using VcsFrameReader reader = new(VcsStreamKind.Commands);
        return Decode(reader, _flushed);
    }

    [Benchmark]
    public long ReadRdb()
    {
        using RdbReader reader = new(new Counter());
        for (int at = 0; at < _plain.Length; at += PieceBytes)
            reader.Feed(_plain.AsSpan(at, Math.Min(PieceBytes, _plain.Length - at)));
        reader.Complete();
        return reader.Entries;
    }

    [Benchmark]
    public long ReadSnapshotPlain() => Read(_plain);

    [Benchmark]
    public long ReadSnapshotLz4() => Read(_frame);

    private static long Read(byte[] payload)
    {
        using SnapshotReader reader = new(new Counter());
        for (int at = 0; at < payload.Length; at += PieceBytes)
            reader.Feed(payload.AsSpan(at, Math.Min(PieceBytes, payload.Length - at)));
        reader.Complete();
        return reader.Entries;
    }

    private static long Decode(VcsFrameReader reader, byte[] frame)
    {
        for (int at = 0; at < frame.Length; at += PieceBytes)
        {
            ReadOnlySpan<byte> input = frame.AsSpan(at, Math.Min(PieceBytes, frame.Length - at));
            while (reader.Read(ref input, out _) == VcsReadStatus.Produced)
            {
            }
        }

        return reader.BytesProduced;
    }

    private long EncodeFlushed()
    {
        _out.Truncate(0);
        using VcsFrameWriter writer = new(_out, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        for (int at = 0; at < _raw.Length; at += 1000)
        {
            writer.Write(_raw.AsSpan(at, Math.Min(1000, _raw.Length - at)));
            writer.Flush();
        }

        writer.Finish();
        return writer.WireBytes;
    }

    private long Drain(SnapshotCodec codec)
    {
        using SnapshotPayloadEncoder encoder = new(codec);
        for (int at = 0; at < _raw.Length; at += PieceBytes)
        {
            encoder.Write(_raw.AsSpan(at, Math.Min(PieceBytes, _raw.Length - at)));
            while (encoder.TryTakeChunk(out PooledBuffer? chunk))
                chunk.Release();
        }

        encoder.Finish();
        while (encoder.TryTakeChunk(out PooledBuffer? last))
            last.Release();
        return encoder.WireBytes;
    }

    private byte[] Encode(SnapshotCodec codec)
    {
        using SnapshotPayloadEncoder encoder = new(codec);
        encoder.Write(_raw);
        encoder.Finish();
        using MemoryStream payload = new();
        while (encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            payload.Write(chunk.Span);
            chunk.Release();
        }

        return payload.ToArray();
    }

    private sealed class Counter : IRdbHandler, ISnapshotHandler
    {
        public long Bytes { get; private set; }

        public void OnSelectDb(int database)
        {
        }

        public void OnSkipped(string typeName, ReadOnlySpan<byte> key)
        {
        }

        public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs) => Bytes += value.Length;

        public void OnMetadata(SnapshotMetadata metadata)
        {
        }

        public void OnKeyspace(int database, string name)
        {
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs) => Bytes += value.Length;

        public void OnVersions(ReadOnlySpan<ulong> versions)
        {
        }

        public void OnExtra(string name, ReadOnlySpan<byte> value)
        {
        }

        public void OnEnd(SnapshotTotals totals)
        {
        }
    }

    private sealed class Config : ManualConfig
    {
        public Config()
        {
            AddColumn(new ThroughputColumn());
            AddJob(Job.ShortRun.WithToolchain(BenchmarkDotNet.Toolchains.InProcess.Emit.InProcessEmitToolchain.Instance));
        }
    }

    private sealed class ThroughputColumn : IColumn
    {
        public string Id => "MB/s";

        public string ColumnName => "MB/s";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => "Uncompressed bytes per second, 1 MB = 1,000,000 bytes";

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
            summary[benchmarkCase]?.ResultStatistics is { } result
                ? $"{RawBytes[(string)benchmarkCase.Parameters[nameof(Data)]] / (result.Mean / 1e9) / 1e6:f0}"
                : "-";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
    }
}
