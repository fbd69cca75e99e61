using CsCheck;
using Grid.Streams.Queues;
using Xunit;

namespace Grid.Tests.Streams;

public class ItemRingTests
{
    [Fact]
    public void A_ring_is_a_queue_that_can_be_looked_into() =>
        Gen.Int[0, 3].Array[0, 400].Sample(moves =>
        {
            var ring = new ItemRing<int>();
            var model = new List<int>();
            int next = 0;
            foreach (int move in moves)
            {
                if (move == 0 && model.Count > 0)
                {
                    ItemRing<int>.Entry first = ring.RemoveFirst();
                    Assert.Equal((model[0], model[0] + 1), (first.Item, first.Bytes));
                    model.RemoveAt(0);
                }
                else
                {
                    ring.Add(next, next + 1);
                    model.Add(next++);
                }

                Assert.Equal(model.Count, ring.Count);
                for (int i = 0; i < model.Count; i++)
                    Assert.Equal(model[i], ring[i].Item);
            }
        });
}
