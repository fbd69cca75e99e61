using CsCheck;
using Grid.Formats;
using Grid.Formats.Snapshots;
using Xunit;

namespace Grid.Tests.Formats.Snapshots;

public sealed class SnapshotPropertyTests
{
    [Fact]
    public void Any_split_of_a_snapshot_gives_the_same_entries() =>
        Gen.Select(Gen.Int, Gen.Int[0, 2500], Gen.Int[1, 5000], Gen.Bool).Sample((seed, count, longest, compressed) =>
        {
            List<SnapshotEntry> entries = SnapshotTesting.Entries(count, seed, valueMax: 60);
            byte[] payload = SnapshotTesting.Payload(entries, compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None);
            SnapshotCollector collector = new();
            return collector.Read(Samples.Cut(payload, seed, longest)) is null && collector.Entries.SequenceEqual(entries);
        }, seed: "0004gT6uVx8d", iter: 60);

    [Fact]
    public void Mutated_and_truncated_snapshots_give_only_declared_errors_in_bounded_memory()
    {
        List<SnapshotEntry> entries = SnapshotTesting.Entries(2000, seed: 1, valueMax: 40);
        byte[][] payloads =
        [
            SnapshotTesting.Payload(entries[..20], SnapshotCodec.None, checksums: false),
            SnapshotTesting.Payload(entries[..20], SnapshotCodec.Lz4, checksums: false),
            SnapshotTesting.Payload(entries, SnapshotCodec.None, checksums: false),
            SnapshotTesting.Payload(entries, SnapshotCodec.Lz4),
        ];
        SnapshotReaderOptions options = new() { RawBytesMax = 1 << 20, ValueBytesMax = 1 << 16 };
        HashSet<PayloadFault?> seen = [];
        for (int i = 0; i < 3_000; i++)
        {
            byte[] payload = Mutate(payloads[i % payloads.Length], i);
            Ignorer handler = new();
            long before = GC.GetAllocatedBytesForCurrentThread();
            PayloadFault? fault = ReadAll(payload, handler, options);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            seen.Add(fault);
            Assert.Equal(fault is null, handler.Ended);
            Assert.True(allocated < (2 << 20), $"Seed {i}: {allocated} bytes allocated for {payload.Length} bytes.");
        }

        Assert.Equal([null, PayloadFault.Incompatible, PayloadFault.Corrupt, PayloadFault.Truncated, PayloadFault.LimitExceeded], seen.Order());
    }

    private static PayloadFault? ReadAll(byte[] payload, ISnapshotHandler handler, SnapshotReaderOptions options)
    {
        using SnapshotReader reader = new(handler, options);
        try
        {
            foreach (ReadOnlyMemory<byte> piece in Samples.CutEvery(payload, 4_000))
                reader.Feed(piece.Span);
            reader.Complete();
            return null;
        }
        catch (PayloadException e)
        {
            return e.Fault;
        }
    }

    private static byte[] Mutate(byte[] payload, int seed)
    {
        Random random = new(seed);
        byte[] mutated = (byte[])payload.Clone();
        for (int i = random.Next(3); i > 0; i--)
        {
            int at = random.Next(2) == 0 ? random.Next(Math.Min(200, mutated.Length)) : random.Next(mutated.Length);
            mutated[at] = random.Next(4) switch { 0 => (byte)random.Next(256), 1 => (byte)(mutated[at] ^ (1 << random.Next(8))), 2 => 0x80, _ => 0xFF };
        }

        return random.Next(4) == 0 ? mutated[..random.Next(mutated.Length)] : mutated;
    }

    private sealed class Ignorer : ISnapshotHandler
    {
        public bool Ended { get; private set; }

        public void OnMetadata(SnapshotMetadata metadata)
        {
        }

        public void OnKeyspace(int database, string name)
        {
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs)
        {
        }

        public void OnVersions(ReadOnlySpan<ulong> versions)
        {
        }

        public void OnExtra(string name, ReadOnlySpan<byte> value)
        {
        }

        public void OnEnd(SnapshotTotals totals) => Ended = true;
    }
}
