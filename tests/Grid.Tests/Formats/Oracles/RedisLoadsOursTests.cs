using System.Buffers;
using System.Text;
using Grid.Formats.Checksums;
using Grid.Formats.Rdb;
using Grid.Formats.Snapshots;
using Grid.Tests.Formats.Snapshots;
using Grid.Tests.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

public sealed class RedisLoadsOursTests
{
    [Theory]
    [InlineData(SnapshotCodec.None, true)]
    [InlineData(SnapshotCodec.None, false)]
    [InlineData(SnapshotCodec.Lz4, true)]
    public async Task Its_checker_accepts_a_snapshot(SnapshotCodec codec, bool checksums)
    {
        byte[] payload = SnapshotTesting.Payload(SnapshotTesting.Entries(5000, seed: 1), codec, checksums);
        using TemporaryFolder folder = new();
        string file = folder.File("snapshot.rdb");
        await File.WriteAllBytesAsync(file, VcsTesting.Read(payload).Output, TestContext.Current.CancellationToken);
        ToolResult result = await ExternalTool.RunAsync("redis-check-rdb", [], file);
        string output = Encoding.Latin1.GetString(result.Output);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("RDB looks OK", output, StringComparison.Ordinal);
        Assert.Contains("5000 keys read", output, StringComparison.Ordinal);
        Assert.Contains(checksums && codec == SnapshotCodec.None ? "Checksum OK" : "RDB file was saved with checksum disabled", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_loads_a_snapshot_with_equal_keys_values_and_expiries()
    {
        List<SnapshotEntry> entries = SnapshotTesting.Entries(5000, seed: 1);
        await using RedisServer redis = await RedisServer.StartAsync(SnapshotTesting.Payload(entries, SnapshotCodec.None));
        foreach (IGrouping<string, SnapshotEntry> keyspace in entries.GroupBy(e => e.Keyspace))
        {
            redis.Do("SELECT", keyspace.Key == "users" ? "0" : "1");
            Assert.Equal((long)keyspace.Count(), redis.Do("DBSIZE"));
            foreach (SnapshotEntry entry in keyspace)
            {
                Assert.Equal(entry.Value, redis.Do("GET", entry.Key));
                Assert.Equal(entry.ExpiryUnixMs == 0 ? -1 : entry.ExpiryUnixMs, redis.Do("PEXPIRETIME", entry.Key));
            }
        }
    }

    [Fact]
    public async Task It_loads_binary_and_numeric_and_large_values_as_they_are()
    {
        Dictionary<string, byte[]> entries = new()
        {
            [""] = "empty key"u8.ToArray(),
            ["empty value"] = [],
            ["number"] = "12345"u8.ToArray(),
            ["almost a number"] = "012345"u8.ToArray(),
            ["binary\r\n\0\u00FF"] = Samples.RandomBytes(1000),
            ["64 bytes"] = Samples.RandomBytes(64),
            ["16 KiB"] = Samples.RandomBytes(16 << 10),
            ["5 MB"] = Samples.Text(5_000_000),
        };
        ArrayBufferWriter<byte> sink = new();
        RdbWriter writer = new(sink);
        writer.WriteHeader();
        writer.WriteSelectDb(31);
        writer.WriteResizeDb((ulong)entries.Count, 0);
        foreach ((string key, byte[] value) in entries)
            writer.WriteEntry(Encoding.Latin1.GetBytes(key), value, 0);
        writer.WriteEnd();
        RdbWriter.WriteChecksum(sink, Crc64Jones.Append(0, sink.WrittenSpan));
        await using RedisServer redis = await RedisServer.StartAsync(sink.WrittenSpan.ToArray());
        redis.Do("SELECT", "31");
        foreach ((string key, byte[] value) in entries)
            Assert.Equal(Encoding.Latin1.GetString(value), redis.Do("GET", key));
    }
}
