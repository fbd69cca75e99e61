using Grid.Storage;
using Grid.Tests.Streams;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class PagePoolTests
{
    [Fact]
    public void No_page_is_handed_out_twice_and_all_are_aligned()
    {
        var pool = new PagePool();
        var held = new Dictionary<ulong, int>();
        var random = new Random(5);
        for (int i = 0; i < 20_000; i++)
        {
            if (random.Next(5) < 3)
            {
                int log2 = random.Next(PagePool.SmallestPageLog2, PagePool.LargestPageLog2 + 1);
                ulong address = pool.Rent(log2);
                Assert.NotEqual(0UL, address);
                Assert.True(held.TryAdd(address, log2));
                unsafe
                {
                    Assert.Equal(0, (nint)pool.At(address) % 64);
                    new Span<byte>(pool.At(address), 1 << log2).Fill((byte)i);
                }
            }
            else if (held.Count > 0)
            {
                ulong address = held.Keys.ElementAt(random.Next(Math.Min(held.Count, 50)));
                unsafe
                {
                    var page = new Span<byte>(pool.At(address), 1 << held[address]);
                    Assert.Equal(-1, page.IndexOfAnyExcept(page[0]));
                }

                held.Remove(address);
                pool.Return(address);
            }

            Assert.Equal(held.Values.Sum(log2 => 1L << log2), pool.RentedBytes);
        }

        var ranges = held.Select(h => (Start: h.Key, End: h.Key + (1UL << (h.Value - 3)))).OrderBy(r => r.Start).ToList();
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
    }

    [Fact]
    public void Slabs_without_a_page_in_use_are_given_back_except_one_of_a_kind()
    {
        var pool = new PagePool();
        var pages = Enumerable.Range(0, 2000).Select(_ => pool.Rent(PagePool.LargestPageLog2)).ToList();
        long most = pool.SlabBytesHeld;
        Assert.True(most >= 2000L << PagePool.LargestPageLog2);
        pages.ForEach(pool.Return);
        Assert.Equal(0, pool.RentedBytes);
        Assert.Equal(PagePool.SlabBytes, pool.SlabBytesHeld);
        pool.Trim();
        Assert.Equal(0, pool.SlabBytesHeld);
        pool.Return(pool.Rent(PagePool.SmallestPageLog2));
        Assert.Equal(PagePool.SlabBytes, pool.SlabBytesHeld);
    }

    [Fact]
    public void Slabs_freed_a_short_while_ago_are_used_again_for_pages_of_any_size_and_go_when_nobody_wants_them()
    {
        FakeTime time = new();
        var pool = new PagePool(TimeSpan.FromSeconds(10), time);
        int perSlab = PagePool.SlabBytes >> PagePool.LargestPageLog2;
        var pages = Enumerable.Range(0, 4 * perSlab).Select(_ => pool.Rent(PagePool.LargestPageLog2)).ToList();
        HashSet<nint> memory = [.. pages.Select(page => PlaceOf(pool, page))];
        pages.ForEach(pool.Return);
        Assert.Equal(4L * PagePool.SlabBytes, pool.SlabBytesHeld);
        Assert.Equal(0, pool.RentedBytes);
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(0, pool.GiveBack());

        // One is at hand for its size, three are free for any; the fourth of these is new.
        int small = PagePool.SlabBytes >> PagePool.SmallestPageLog2;
        var others = Enumerable.Range(0, small).Select(_ => pool.Rent(PagePool.SmallestPageLog2)).ToList();
        Assert.Contains(others, page => memory.Contains(PlaceOf(pool, page)));
        Assert.Equal(4L * PagePool.SlabBytes, pool.SlabBytesHeld);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2L * PagePool.SlabBytes, pool.GiveBack());
        Assert.Equal(0, pool.GiveBack());
        Assert.Equal(2L * PagePool.SlabBytes, pool.SlabBytesHeld);
        others.ForEach(pool.Return);
        pool.Trim();
        Assert.Equal(0, pool.SlabBytesHeld);
    }

    [Fact]
    public void A_prepared_slab_is_one_freed_before_if_there_is_one()
    {
        var pool = new PagePool(TimeSpan.FromSeconds(10), new FakeTime());
        int perSlab = PagePool.SlabBytes >> PagePool.LargestPageLog2;
        var pages = Enumerable.Range(0, 3 * perSlab).Select(_ => pool.Rent(PagePool.LargestPageLog2)).ToList();
        HashSet<nint> memory = [.. pages.Select(page => PlaceOf(pool, page))];
        pages.ForEach(pool.Return);
        var again = Enumerable.Range(0, perSlab * 2 / 3).Select(_ => pool.Rent(PagePool.LargestPageLog2)).ToList();
        Assert.Equal(1, pool.Prepare());
        while (again.Count < 2 * perSlab)
            again.Add(pool.Rent(PagePool.LargestPageLog2));
        Assert.All(again, page => Assert.Contains(PlaceOf(pool, page), memory));
        Assert.Equal(3L * PagePool.SlabBytes, pool.SlabBytesHeld);
    }

    private static unsafe nint PlaceOf(PagePool pool, ulong page) => (nint)pool.At(page);

    [Fact]
    public void A_slab_is_prepared_where_half_a_one_is_left_and_taken_last()
    {
        var pool = new PagePool();
        Assert.Equal(0, pool.Prepare());
        int perSlab = PagePool.SlabBytes >> PagePool.LargestPageLog2;
        ulong small = pool.Rent(PagePool.SmallestPageLog2);
        var pages = Enumerable.Range(0, perSlab * 2 / 3).Select(_ => pool.Rent(PagePool.LargestPageLog2)).ToList();
        Assert.Equal(1, pool.Prepare());
        Assert.Equal(0, pool.Prepare());
        Assert.Equal(3L * PagePool.SlabBytes, pool.SlabBytesHeld);
        // The slab in use is filled first; only the last page comes from the prepared one.
        while (pages.Count <= perSlab)
            pages.Add(pool.Rent(PagePool.LargestPageLog2));
        Assert.Equal(perSlab, pages.Count(p => p >> PagePool.SlabUnitsLog2 == pages[0] >> PagePool.SlabUnitsLog2));
        Assert.Equal(3L * PagePool.SlabBytes, pool.SlabBytesHeld);
        Assert.Equal(0, pool.Prepare());
        pages.ForEach(pool.Return);
        pool.Return(small);
        pool.Trim();
        Assert.Equal(0, pool.SlabBytesHeld);
    }

    [Fact]
    public void Many_threads_may_rent_and_return()
    {
        var pool = new PagePool();
        Parallel.For(0, 4, thread =>
        {
            var random = new Random(thread);
            var held = new List<ulong>();
            for (int i = 0; i < 20_000; i++)
            {
                if (random.Next(2) == 0)
                {
                    ulong address = pool.Rent(PagePool.SmallestPageLog2);
                    unsafe
                    {
                        *(ulong*)pool.At(address) = address ^ (ulong)thread;
                    }

                    held.Add(address);
                }
                else if (held.Count > 0)
                {
                    ulong address = held[^1];
                    held.RemoveAt(held.Count - 1);
                    unsafe
                    {
                        Assert.Equal(address ^ (ulong)thread, *(ulong*)pool.At(address));
                    }

                    pool.Return(address);
                }
            }

            held.ForEach(pool.Return);
        });
        Assert.Equal(0, pool.RentedBytes);
    }
}
