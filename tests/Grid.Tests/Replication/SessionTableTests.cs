using CsCheck;
using Grid.Formats.Binary;
using Grid.Formats.Mutations;
using Grid.Replication.Sessions;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>What is remembered of clients' operations: as a plain dictionary would, and the same out of a snapshot as into it.</summary>
public sealed class SessionTableTests
{
    [Fact]
    public void A_session_remembers_what_a_sorted_dictionary_would() =>
        Gen.Select(Gen.Long[1, 60], Gen.Long[0, 8], Gen.Int[0, 2], Gen.Int[0, 3]).Array[0, 80].Sample(
            steps =>
            {
                ClientSession session = new(1, 2, floor: 1, usedAt: 1);
                SortedDictionary<long, AppliedOperation> model = [];
                long floor = 1, offset = 1;
                foreach ((long number, long below, int keyspace, int key) in steps.Where(step => step.Item1 >= step.Item2))
                {
                    if (model.ContainsKey(number))
                        continue;
                    AppliedOperation operation = new(number, (ulong)++offset, number, (uint)key, AppliedOperation.PlaceOf(keyspace, clears: key == 0));
                    session.Record(operation, number - below, offset);
                    floor = Math.Max(floor, number - below);
                    if (number >= floor)
                        model[number] = operation;
                    foreach (long settled in model.Keys.Where(n => n < floor).ToArray())
                        model.Remove(settled);
                    Assert.Equal((floor, offset), (session.Floor, session.UsedAt));
                    Assert.Equal(model.Values, session.Entries.ToArray());
                }

                for (long number = floor; number <= 61; number++)
                {
                    Assert.Equal(model.TryGetValue(number, out AppliedOperation expected), session.TryFind(number, out AppliedOperation found));
                    Assert.Equal(expected, found);
                    for (int place = 0; place < 6; place++)
                    {
                        bool overtaken = model.Any(later => later.Key > number && later.Value.Place / 2 == place / 2 && (later.Value.IsClear || place % 2 == 1 || later.Value.KeyHash == 3));
                        Assert.Equal(overtaken, session.IsOvertaken(number, place, 3));
                    }
                }
            },
            iter: 300);

    [Fact]
    public void What_was_frozen_stays_as_it_was_whatever_the_session_remembers_and_forgets_later() =>
        Gen.Select(Gen.Long[1, 60], Gen.Long[0, 20], Gen.Int[0, 4]).Array[1, 120].Sample(
            steps =>
            {
                ClientSession session = new(1, 2, floor: 1, usedAt: 1);
                List<(FrozenSession Frozen, AppliedOperation[] Then, long Floor)> frozen = [];
                long offset = 1, shift = 0;
                foreach ((long number, long below, int freezes) in steps)
                {
                    // Numbers come a little out of order, and grow: arrays fill up, move and empty.
                    long next = number + ++shift;
                    if (!session.TryFind(next, out _) && next >= session.Floor)
                        session.Record(new AppliedOperation(next, (ulong)++offset, next, 0, 0), next - below, offset);
                    if (freezes == 0)
                        frozen.Add((session.Freeze(), session.Entries.ToArray(), session.Floor));
                    Assert.All(frozen, past => Assert.Equal(past.Then, past.Frozen.Entries.ToArray()));
                    Assert.All(frozen, past => Assert.Equal(past.Floor, past.Frozen.Floor));
                }
            },
            iter: 300);

    [Fact]
    public void At_most_so_many_are_remembered_from_the_floor_for_them_on()
    {
        ClientSession session = new(1, 2, 1, 1);
        for (long number = 1; number <= 9; number++)
            session.Record(new AppliedOperation(number, 1, 0, 0, 0), Math.Max(1, session.FloorFor(3)), number);
        Assert.Equal([6L, 7, 8, 9], session.Entries.ToArray().Select(operation => operation.Number));
        Assert.Equal((7, 10, 0), (session.FloorFor(3), session.FloorFor(0), session.FloorFor(4)));
    }

    [Fact]
    public void A_table_out_of_a_snapshot_is_the_one_that_went_in_and_has_these_bytes()
    {
        SessionTable table = new();
        table.Open(0, 0x0102030405060708, 5, 10);
        table.Record(new MutationOrigin(0, 7, 6), 3, clears: false, 0xAABBCCDD_11223344, 0x1122, -2);
        table.Open(1, 9, 1, 11);
        table.Evict(1);
        Assert.Equal("01" + "0900000000000000" + "00" + "0807060504030201" + "06" + "A222" + "01" + "01" + "2211000000000000" + "44332211" + "06" + "01" + "01", Convert.ToHexString(table.Pack().Single()));
        SessionTable loaded = Loaded(table);
        Assert.Equal((1, 1L, 9ul, table.Digest()), (loaded.Count, loaded.Entries, loaded.EvictedUpTo, loaded.Digest()));
        Assert.Equal(1, loaded.FreeId());
    }

    [Fact]
    public void A_large_table_comes_in_parts()
    {
        SessionTable table = new();
        for (int id = 0; id < 2000; id++)
        {
            table.Open(id, (ulong)id + 1, 1, id);
            for (long number = 1; number <= id % 10; number++)
                table.Record(new MutationOrigin(id, number * 3, 1), 0, false, (ulong)number, (ulong)id, number);
        }

        Assert.True(table.Pack().Count > 2);
        Assert.Equal(table.Digest(), Loaded(table).Digest());
    }

    [Fact]
    public void A_damaged_table_is_malformed_or_another_valid_one()
    {
        SessionTable table = new();
        table.Open(0, 5, 1, 1);
        for (long number = 1; number < 5; number++)
            table.Record(new MutationOrigin(0, number, 1), 0, false, 7, 8, 9);
        byte[] bytes = table.Pack().Single();
        Assert.Throws<MalformedException>(() => new SessionTable().Load([]));
        for (int length = 10; length < bytes.Length; length++)
            Assert.Throws<MalformedException>(() => new SessionTable().Load(bytes.AsSpan(0, length)));
        for (int at = 0; at < bytes.Length; at++)
        {
            foreach (byte value in (byte[])[0, 1, 0x7F, 0x80, 0xFF])
            {
                byte[] damaged = [.. bytes];
                damaged[at] = value;
                try
                {
                    new SessionTable().Load(damaged);
                }
                catch (MalformedException)
                {
                }
            }
        }

        SessionTable twice = Loaded(table);
        Assert.Throws<MalformedException>(() => twice.Load(bytes));
    }

    [Fact]
    public void Ids_are_used_again_and_nobody_has_two_sessions()
    {
        SessionTable table = new();
        for (int id = 0; id < 3; id++)
            table.Open(table.FreeId(), (ulong)id + 10, 1, 3 - id);
        Assert.Equal(2, table.Idlest(null)!.Id);
        Assert.Equal(1, table.Idlest(table.At(2))!.Id);
        table.Evict(1);
        Assert.Equal((1, 2, 11ul), (table.FreeId(), table.Count, table.EvictedUpTo));
        Assert.Throws<InvalidOperationException>(() => table.Open(2, 99, 1, 1));
        Assert.Throws<InvalidOperationException>(() => table.Open(5, 10, 1, 1));
        Assert.Throws<InvalidOperationException>(() => table.Evict(1));
        Assert.Throws<InvalidOperationException>(() => table.Record(new MutationOrigin(1, 1, 1), 0, false, 0, 0, 0));
    }

    private static SessionTable Loaded(SessionTable table)
    {
        SessionTable loaded = new();
        foreach (byte[] part in table.Pack())
            loaded.Load(part);
        return loaded;
    }
}
