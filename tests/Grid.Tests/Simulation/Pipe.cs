using Grid.Formats.Buffers;

namespace Grid.Tests.Simulation;

/// <summary>
/// One stream from a primary to a replica: one item under way at a time, never out of order, back-pressured; by
/// mishap an item is lost, damaged, or comes again.
/// </summary>
internal sealed class Pipe(World world, SimPrimary sender, int shard, string target, bool isSnapshot)
{
    private const long GiveUpAfterUs = 700_000;

    private readonly Queue<(PooledBuffer Item, long Attach, Action? Taken)> _queue = new();
    private long _run;
    private bool _pumping;
    private long _headSinceUs;

    public void Send(PooledBuffer item, long attach, Action? taken = null)
    {
        _queue.Enqueue((item, attach, taken));
        if (!_pumping)
            Pump();
    }

    public void Clear()
    {
        _run++;
        _pumping = false;
        while (_queue.TryDequeue(out (PooledBuffer Item, long Attach, Action? Taken) left))
            left.Item.Release();
    }

    private void Pump()
    {
        _pumping = _queue.Count > 0;
        if (!_pumping)
            return;
        _headSinceUs = world.NowUs;
        Try(world.CallDelayUs(world.Find(target)) / 2);
    }

    private void Try(long delayUs)
    {
        long run = _run;
        world.After(delayUs, null, () =>
        {
            if (run == _run)
                Deliver();
        });
    }

    private void Deliver()
    {
        SimSilo? silo = world.Find(target);
        if (silo is null || !silo.Up || silo.FrozenUntilUs > world.NowUs || !world.Reaches(sender.Silo, silo))
        {
            if (world.NowUs - _headSinceUs < GiveUpAfterUs)
                Try(20_000);
            else
                Fail();
            return;
        }

        SimReplica? replica = silo.Slot(shard).Replica;
        if (!isSnapshot && replica is { Core.IsSaturated: true })
        {
            Try(3000);
            return;
        }

        (PooledBuffer item, long attach, Action? taken) = _queue.Dequeue();
        Hand(replica, item.Span);
        item.Release();
        long run = _run;
        world.After(world.Random.Below(300), sender.Silo, () =>
        {
            if (run != _run)
                return;
            if (isSnapshot)
                taken?.Invoke();
            else
                sender.ItemSent(target, attach);
        });
        Pump();
    }

    private void Hand(SimReplica? replica, ReadOnlySpan<byte> item)
    {
        if (replica is null)
            return;
        if (!world.Chaos)
        {
            replica.OnItem(item, isSnapshot);
            return;
        }

        if (world.Random.Chance(world.Plan.ItemLost))
            return;
        if (world.Random.Chance(world.Plan.ItemDamaged))
        {
            byte[] damaged = item.ToArray();
            damaged[world.Random.Below(damaged.Length)] ^= (byte)(1 << world.Random.Below(8));
            replica.OnItem(damaged.AsSpan(0, world.Random.Chance(0.3) ? world.Random.Below(damaged.Length) : damaged.Length), isSnapshot);
            return;
        }

        replica.OnItem(item, isSnapshot);
        if (!world.Random.Chance(world.Plan.ItemRepeated))
            return;
        byte[] again = item.ToArray();
        world.After(world.Random.Below(200_000), replica.Silo, () => replica.OnItem(again, isSnapshot));
    }

    private void Fail()
    {
        (_, long attach, _) = _queue.Peek();
        Clear();
        world.After(1, sender.Silo, () => sender.LinkFailed(target, attach, "the stream failed"));
    }
}
