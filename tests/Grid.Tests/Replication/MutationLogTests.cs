using CsCheck;
using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>The log against a plain list.</summary>
public sealed class MutationLogTests
{
    private enum Act
    {
        Append,
        AppendSlice,
        NextEpoch,
        Read,
        Drop,
        Truncate,
    }

    [Fact]
    public void Whatever_is_appended_read_dropped_and_cut_it_is_what_a_list_would_hold() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 30_000], Gen.Int[0, 1000]).Array[1, 60].Sample(
            acts =>
            {
                using MutationLog log = new(startAfter: 10);
                Model model = new(log, 10);
                foreach ((int act, int size, int where) in acts)
                    model.Do((Act)act, size, where);
            },
            iter: 400);

    [Fact]
    public void Reading_what_is_not_held_is_an_error()
    {
        using MutationLog log = new(0);
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Read(1, 10).Count);
        Append(log, 1, [1, 2]);
        Assert.Throws<ArgumentOutOfRangeException>(() => log.Read(2, 10).Count);
        Assert.Equal(1, log.Read(1, 0).Count);
    }

    [Fact]
    public void The_newest_mutation_is_never_dropped_whatever_its_size()
    {
        using MutationLog log = new(0);
        Append(log, 1, new byte[500_000]);
        log.DropBefore(2, 1000);
        Assert.Equal(1, log.FirstOffset);
        Append(log, 1, new byte[500_000]);
        log.DropBefore(2, 1000);
        Assert.Equal(2, log.FirstOffset);
    }

    /// <summary>A large value has a chunk of the next size that the pool has, for itself and for what follows: 1 MiB here, 128 MiB for the largest.</summary>
    [Fact]
    public void Bytes_behind_a_large_mutation_do_not_include_a_share_of_it()
    {
        using MutationLog log = new(0);
        Append(log, 1, new byte[600_000]);
        for (int i = 0; i < 100; i++)
            Append(log, 1, new byte[10]);
        long small = log.Bytes - log.BytesFrom(101);
        Assert.InRange(log.BytesFrom(2), 100 * 10, 100 * 40);
        Assert.Equal(log.Bytes - small + (99 * log.BytesFrom(101)), log.BytesFrom(2));
        log.TruncateAfter(50);
        Append(log, 1, new byte[300_000]);
        Append(log, 1, [1]);
        Assert.InRange(log.BytesFrom(52), 1, 40);
        Assert.InRange(log.BytesFrom(51), 300_000, 300_080);
    }

    [Fact]
    public void Mutations_that_do_not_follow_are_not_appended()
    {
        using MutationLog log = new(0);
        Assert.Throws<InvalidOperationException>(() => log.Append(new LogSlice { Epoch = 1, FirstOffset = 2, Count = 1, Bytes = new byte[] { 1 } }));
    }

    private static void Append(MutationLog log, long epoch, byte[] value)
    {
        Span<byte> room = log.Reserve(epoch, Mutation.LengthMax(1, value.Length));
        log.Commit(Mutation.WriteSet(room, 1, "k"u8, value, 0));
    }

    private sealed class Model(MutationLog log, long startAfter)
    {
        private readonly List<(long Epoch, byte[] Bytes)> _all = [];
        private long _epoch = 1;

        public void Do(Act act, int size, int where)
        {
            switch (act)
            {
                case Act.Append:
                    Append(log, _epoch, Value(size));
                    _all.Add((_epoch, Encode(Value(size))));
                    break;
                case Act.AppendSlice:
                    byte[][] mutations = [.. Enumerable.Range(0, 1 + (where % 4)).Select(i => Encode(Value(size / 4, i)))];
                    log.Append(new LogSlice { Epoch = _epoch, FirstOffset = log.EndOffset + 1, Count = mutations.Length, Bytes = mutations.SelectMany(bytes => bytes).ToArray() });
                    _all.AddRange(mutations.Select(bytes => (_epoch, bytes)));
                    break;
                case Act.NextEpoch:
                    _epoch++;
                    break;
                case Act.Read:
                    Read(where, size);
                    break;
                case Act.Drop:
                    long before = startAfter + 1 + (_all.Count * where / 1000);
                    long first = log.FirstOffset;
                    log.DropBefore(before, size);
                    Assert.True(log.FirstOffset == first || log.FirstOffset <= before);
                    break;
                case Act.Truncate:
                    long to = Math.Max(log.FirstOffset - 1, startAfter + (_all.Count * where / 1000));
                    log.TruncateAfter(to);
                    _all.RemoveRange((int)Math.Min(to - startAfter, _all.Count), _all.Count - (int)Math.Min(to - startAfter, _all.Count));
                    break;
            }

            Assert.Equal(startAfter + _all.Count, log.EndOffset);
            long from = log.FirstOffset + ((log.EndOffset + 2 - log.FirstOffset) * where / 1000);
            Assert.Equal(_all.Skip((int)(from - startAfter - 1)).Sum(mutation => mutation.Bytes.Length), log.BytesFrom(from));
            Assert.Equal(_all.Skip((int)(log.FirstOffset - startAfter - 1)).Sum(mutation => mutation.Bytes.Length), log.Bytes);
        }

        private void Read(int where, int bytesMax)
        {
            if (log.FirstOffset > log.EndOffset)
                return;
            long from = log.FirstOffset + ((log.EndOffset - log.FirstOffset) * where / 1000);
            long last = from + (where % 5);
            LogSlice slice = log.Read(from, bytesMax, last);
            Assert.True(slice.Count >= 1 && slice.FirstOffset == from && from + slice.Count - 1 <= last);
            byte[] expected = [.. _all.Skip((int)(from - startAfter - 1)).Take(slice.Count).SelectMany(mutation => mutation.Bytes)];
            Assert.True(slice.Bytes.SequenceEqual(expected));
            Assert.True(slice.Count == 1 || slice.Bytes.Length <= bytesMax);
            for (int i = 0; i < slice.Count; i++)
                Assert.Equal(_all[(int)(from - startAfter - 1) + i].Epoch, slice.Epoch);
        }

        private byte[] Value(int size, int salt = 0)
        {
            byte[] value = new byte[size];
            Array.Fill(value, (byte)(_all.Count + salt));
            return value;
        }

        private static byte[] Encode(byte[] value)
        {
            byte[] room = new byte[Mutation.LengthMax(1, value.Length)];
            return room[..Mutation.WriteSet(room, 1, "k"u8, value, 0)];
        }
    }
}
