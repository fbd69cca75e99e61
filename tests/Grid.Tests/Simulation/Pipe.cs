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
        bool tooLate = world.Chaos && world.Random.Chance(world.Plan.ItemsLeftOver);
        while (_queue.TryDequeue(out (PooledBuffer Item, long Attach, Action? Taken) left))
        {
            if (tooLate)
                ComeLate(left.Item.Span.ToArray());
            left.Item.Release();
        }
    }

    /// <summary>What the stream had taken already comes, though its link has ended.</summary>
    private void ComeLate(byte[] item)
    {
        if (world.Find(target) is { } silo)
            world.After(world.Random.Below(150_000), silo, () =>
            {
                Note("an item came too late");
                silo.Slot(shard).OnItem(item, isSnapshot);
            });
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
        if (silo is null || !silo.Up || silo.FrozenUntilUs > world.NowUs || !world.Reaches(sender.Silo, silo) || !world.Reaches(silo, sender.Silo))
        {
            // It may arrive although nobody hears that it did, and will be sent again.
            if (silo is { Up: true } && silo.FrozenUntilUs <= world.NowUs && world.Reaches(sender.Silo, silo) && world.Random.Chance(0.3))
                HandUnheard(silo);
            if (world.NowUs - _headSinceUs < GiveUpAfterUs)
                Try(20_000);
            else
                Fail();
            return;
        }

        Slot slot = silo.Slot(shard);
        (PooledBuffer item, _, Action? taken) = _queue.Dequeue();
        Hand(slot, item.Span);
        item.Release();
        long run = _run;
        world.After(world.Random.Below(300), sender.Silo, () =>
        {
            if (run == _run)
                taken?.Invoke();
        });
        Pump();
    }

    private void HandUnheard(SimSilo silo)
    {
        Note("an item that comes again");
        Hand(silo.Slot(shard), _queue.Peek().Item.Span);
    }

    private void Note(string cause) => world.Oracles[shard].NoteCause(target, cause);

    private void Hand(Slot slot, ReadOnlySpan<byte> item)
    {
        if (!world.Chaos)
        {
            slot.OnItem(item, isSnapshot);
            return;
        }

        if (world.Random.Chance(world.Plan.ItemLost))
        {
            Note("an item lost");
            return;
        }

        if (world.Random.Chance(world.Plan.ItemDamaged))
        {
            Note("an item damaged");
            byte[] damaged = item.ToArray();
            damaged[world.Random.Below(damaged.Length)] ^= (byte)(1 << world.Random.Below(8));
            slot.OnItem(damaged.AsSpan(0, world.Random.Chance(0.3) ? world.Random.Below(damaged.Length) : damaged.Length), isSnapshot);
            return;
        }

        slot.OnItem(item, isSnapshot);
        if (!world.Random.Chance(world.Plan.ItemRepeated))
            return;
        byte[] again = item.ToArray();
        world.After(world.Random.Below(200_000), slot.Silo, () =>
        {
            Note("an item came again");
            slot.OnItem(again, isSnapshot);
        });
    }

    private void Fail()
    {
        (_, long attach, _) = _queue.Peek();
        Clear();
        Note("the stream failed");
        world.After(1, sender.Silo, () =>
        {
            if (isSnapshot)
                sender.MemberFailed(target, attach, "the stream failed");
            else
                sender.LinkFailed(target, attach, "the stream failed");
        });
    }
}
