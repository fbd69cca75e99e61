using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <summary>
/// Where the shard records are: compare-and-set by the nonce of the version before, slow, with answers that get lost.
/// </summary>
internal sealed class RecordStore
{
    private readonly World _world;
    private readonly ShardRecord[] _records;
    private readonly List<Write> _onTheWay = [];

    public RecordStore(World world)
    {
        _world = world;
        _records = [.. Enumerable.Range(0, world.Plan.Shards).Select(shard => ShardRecord.Fresh(shard, world.Random.NextGuid(), world.Random.NextGuid()))];
    }

    public ShardRecord Current(int shard) => _records[shard];

    /// <summary>Writes that may still take effect. After every step somebody asks, and nearly always there are none.</summary>
    public IReadOnlyList<ShardRecord> MayLand(int shard)
    {
        List<ShardRecord>? found = null;
        foreach (Write write in _onTheWay)
        {
            if (write.Record.Shard == shard && write.Expected == _records[shard].Nonce)
                (found ??= []).Add(write.Record);
        }

        return found ?? (IReadOnlyList<ShardRecord>)[];
    }

    public void Read(SimSilo? from, int shard, Action<ShardRecord> done)
    {
        _world.After(Delay(), null, () =>
        {
            ShardRecord read = _records[shard];
            _world.After(Delay(), from, () => done(read));
        });
    }

    /// <summary>
    /// Compares and sets; <paramref name="done"/> is called once the outcome is known. A write that is not answered is
    /// sent again as it was: one of the two lands first, and the nonce tells.
    /// </summary>
    public void CompareAndSet(SimSilo from, ShardRecord record, Guid expected, Func<bool> stillWanted, Action<RecordOutcome, ShardRecord> done)
    {
        bool known = false;
        Attempt();

        void Attempt()
        {
            if (known || !stillWanted())
                return;
            Write write = new(record, expected);
            _onTheWay.Add(write);
            long delay = _world.Chaos && _world.Random.Chance(_world.Plan.RecordSlow) ? _world.Random.Between(100, 1500) * 1000L : Delay();
            _world.After(delay, null, () =>
            {
                _onTheWay.Remove(write);
                Land(write);
                ShardRecord current = _records[record.Shard];
                bool lost = _world.Chaos && _world.Random.Chance(_world.Plan.RecordSlow / 2);
                if (!lost)
                    _world.After(Delay(), from, () => Settle(current.Nonce == record.Nonce ? RecordOutcome.Written : RecordOutcome.Conflict, current));
            });
            _world.After(300_000, from, () =>
            {
                if (known)
                    return;
                if (_world.Plan.Broken.HasFlag(RuntimeBug.BelievesTimeouts))
                    Settle(RecordOutcome.Conflict, _records[record.Shard]);
                else
                    Attempt();
            });
        }

        void Settle(RecordOutcome outcome, ShardRecord current)
        {
            if (known)
                return;
            known = true;
            if (stillWanted())
                done(outcome, current);
        }
    }

    private void Land(Write write)
    {
        ShardRecord current = _records[write.Record.Shard];
        if (current.Nonce != write.Expected)
            return;
        _records[write.Record.Shard] = write.Record;
        _world.Note($"record: {write.Record}");
        _world.Touch(write.Record.Shard);
        _world.Oracles[write.Record.Shard].OnRecord(current, write.Record);
    }

    private long Delay() => _world.Random.Between(200, 5000);

    private sealed record Write(ShardRecord Record, Guid Expected);
}
