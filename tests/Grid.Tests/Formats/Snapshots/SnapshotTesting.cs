using System.Buffers;
using System.Text;
using Grid.Formats;
using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Xunit;

namespace Grid.Tests.Formats.Snapshots;

/// <summary>One entry of a snapshot, as tests compare them.</summary>
internal sealed record SnapshotEntry(string Keyspace, string Key, string Value, long ExpiryUnixMs, ulong Version);

internal static class SnapshotTesting
{
    public static SnapshotMetadata Metadata { get; } = new()
    {
        Shard = 7,
        Lineage = "9f1c",
        BasePosition = new LogPosition(3, 5000),
        History = [new EpochStart(1, 1), new EpochStart(3, 4000)],
    };

    public static List<SnapshotEntry> Entries(int count, int seed, int valueMax = 300)
    {
        Random random = new(seed);
        string text = Encoding.ASCII.GetString(Samples.Text(10_000 + valueMax, seed));
        return [.. Enumerable.Range(0, count).Select(i => new SnapshotEntry(
            i < count / 3 ? "users" : "orders",
            $"key:{i:x8}",
            text.Substring(random.Next(10_000), random.Next(valueMax)),
            random.Next(3) == 0 ? 4_000_000_000_000 + i : 0,
            EntryVersion.Pack(3, random.Next(1, 5000))))];
    }

    /// <summary>The raw file without its checksum.</summary>
    public static byte[] Write(IReadOnlyList<SnapshotEntry> entries, out SnapshotTotals totals)
    {
        ArrayBufferWriter<byte> sink = new();
        SnapshotWriter writer = new(sink);
        writer.Begin(Metadata);
        writer.WriteExtra("sessions", "session table"u8);
        string? keyspace = null;
        foreach (SnapshotEntry entry in entries)
        {
            if (keyspace != entry.Keyspace)
            {
                keyspace = entry.Keyspace;
                writer.BeginKeyspace(keyspace == "users" ? 0 : 1, keyspace, entries.Count(e => e.Keyspace == keyspace), 1);
            }

            writer.WriteEntry(Encoding.UTF8.GetBytes(entry.Key), Encoding.UTF8.GetBytes(entry.Value), entry.ExpiryUnixMs, entry.Version);
        }

        totals = writer.End();
        return sink.WrittenSpan.ToArray();
    }

    public static byte[] Encode(byte[] raw, SnapshotCodec codec, bool checksums = true, int pieceBytes = 10_000)
    {
        using SnapshotPayloadEncoder encoder = new(codec, checksums);
        MemoryStream payload = new();
        foreach (byte[] piece in raw.Chunk(pieceBytes))
        {
            encoder.Write(piece);
            Drain(encoder, payload);
        }

        encoder.Finish();
        encoder.Finish();
        Drain(encoder, payload);
        Assert.Equal(raw.Length + 8, encoder.RawBytes);
        Assert.Equal(payload.Length, encoder.WireBytes);
        return payload.ToArray();
    }

    public static byte[] Payload(IReadOnlyList<SnapshotEntry> entries, SnapshotCodec codec, bool checksums = true) =>
        Encode(Write(entries, out _), codec, checksums);

    private static void Drain(SnapshotPayloadEncoder encoder, MemoryStream payload)
    {
        while (encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            Assert.InRange(chunk.Length, 1, 256 << 10);
            payload.Write(chunk.Span);
            chunk.Release();
        }
    }
}

/// <summary>Puts together what a reader reports.</summary>
internal sealed class SnapshotCollector : ISnapshotHandler
{
    private readonly List<(string Keyspace, string Key, string Value, long Expiry)> _group = [];
    private string _keyspace = "";

    public List<SnapshotEntry> Entries { get; } = [];

    public List<string> Lines { get; } = [];

    public SnapshotMetadata? Metadata { get; private set; }

    public SnapshotTotals? Totals { get; private set; }

    public void OnMetadata(SnapshotMetadata metadata) => Metadata = metadata;

    public void OnKeyspace(int database, string name)
    {
        _keyspace = name;
        Lines.Add($"{database}={name}");
    }

    public void OnSizeHint(ulong entries, ulong expiring) => Lines.Add($"hint {entries} {expiring}");

    public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs) =>
        _group.Add((_keyspace, Encoding.UTF8.GetString(key), Encoding.UTF8.GetString(value), expiryUnixMs));

    public void OnVersions(ReadOnlySpan<ulong> versions)
    {
        Assert.Equal(_group.Count, versions.Length);
        for (int i = 0; i < versions.Length; i++)
            Entries.Add(new SnapshotEntry(_group[i].Keyspace, _group[i].Key, _group[i].Value, _group[i].Expiry, versions[i]));
        _group.Clear();
    }

    public void OnExtra(string name, ReadOnlySpan<byte> value) => Lines.Add($"extra {name}={Encoding.UTF8.GetString(value)}");

    public void OnEnd(SnapshotTotals totals) => Totals = totals;

    /// <summary>Feeds pieces to the end and returns the fault, if any.</summary>
    public PayloadFault? Read(IEnumerable<ReadOnlyMemory<byte>> pieces, SnapshotReaderOptions? options = null)
    {
        using SnapshotReader reader = new(this, options);
        try
        {
            foreach (ReadOnlyMemory<byte> piece in pieces)
                reader.Feed(piece.Span);
            reader.Complete();
            return null;
        }
        catch (PayloadException e)
        {
            Assert.Null(Totals);
            Assert.Equal(e.Message, Assert.ThrowsAny<PayloadException>(() => reader.Feed([1])).Message);
            return e.Fault;
        }
    }

    public PayloadFault? Read(byte[] payload, SnapshotReaderOptions? options = null) => Read([payload.AsMemory()], options);
}
