using Grid.Formats.Buffers;
using Orleans.Streams;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

public class OrderTests
{
    [Fact]
    public async Task Many_streams_under_load_arrive_whole_and_in_order()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2);
        const int streams = 24;
        const int items = 1500;
        var produced = new List<PooledBuffer>[streams];
        await Task.WhenAll(Enumerable.Range(0, streams).Select(async s =>
        {
            string key = $"order-{s}";
            int sink = s % 2;
            await cluster.PlaceSinkAsync(key, sink);
            IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(1 - sink, key);
            produced[s] = [];
            for (int i = 0; i < items; i++)
            {
                PooledBuffer item = Payload.Make(i, 16 + (i * 7919 + s) % 5000);
                produced[s].Add(item);
                await stream.OnNextAsync(item);
            }
        }));

        for (int s = 0; s < streams; s++)
        {
            List<Arrival> arrivals = await Sink.Of($"order-{s}").TakeAsync(items);
            Assert.Equal(Enumerable.Range(0, items).Select(i => (long)i), arrivals.Select(a => a.Number));
            Assert.All(arrivals, a => Assert.True(a.IsIntact));
            Assert.All(arrivals, a => Assert.Equal(cluster.Silos[s % 2].SiloAddress, a.Silo));
        }

        await Until.TrueAsync("all buffers are returned", () => produced.All(p => p.TrueForAll(Payload.IsReturned)));
    }
}
