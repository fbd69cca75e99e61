using System.Text;
using CsCheck;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

/// <summary>Random operations on a store and on a plain dictionary, with a clock of our own.</summary>
public sealed class StoreModelTests
{
    private static readonly int[] KeyCounts = [20, 300, 3000];
    private static readonly int[] ValueSizes = [0, 40, 2000, 20_000];

    [Fact]
    public void Any_sequence_of_operations_leaves_store_and_dictionary_equal() =>
        Gen.Select(Gen.UInt, Gen.Int[0, 2], Gen.Int[0, 3]).Sample(
            (seed, keys, value) => Run(seed, keys: KeyCounts[keys], ValueSizes[value], operations: 3000), iter: 60, threads: 1);

    [Fact]
    public void So_does_a_long_one_with_many_splits_and_merges() =>
        Gen.UInt.Sample(seed => Run(seed, keys: 60_000, valueBytesMax: 60, operations: 200_000), iter: 3, threads: 1);

    [Fact]
    public void Keys_forged_to_collide_change_nothing_but_the_speed() =>
        Gen.UInt.Sample(
            seed =>
            {
                var random = new Random((int)seed);
                ulong prefix = (ulong)random.NextInt64();
                // 900 keys that share all bits that the directory may use, some of them whole tags, and pairs with one and the same hash.
                var keys = new List<string>();
                for (int i = 0; i < 900; i++)
                    keys.Add(Encoding.Latin1.GetString(ForgedKeys.WithHash((prefix & ~0xFFFF_FFFFUL) | (uint)(i % 7 * 0x1000_0000) | (uint)i)));
                for (int i = 0; i < 50; i++)
                {
                    string plain = $"plain-{i}-{seed}";
                    keys.Add(plain);
                    keys.Add(Encoding.Latin1.GetString(ForgedKeys.WithHash(KeyHash.Compute(Encoding.Latin1.GetBytes(plain)))));
                }

                Run(seed, keys, valueBytesMax: 30, operations: 12_000);
            },
            iter: 6,
            threads: 1);

    private static void Run(uint seed, int keys, int valueBytesMax, int operations) =>
        Run(seed, [.. Enumerable.Range(0, keys).Select(i => $"key:{i}")], valueBytesMax, operations);

    private static void Run(uint seed, List<string> keys, int valueBytesMax, int operations)
    {
        var random = new Random((int)seed);
        using var model = new StoreModel(new StorageOptions { FreeSlotsDivisor = 2 + (int)(seed % 40) });
        int keyspaces = 1 + random.Next(2);
        bool shrinking = false;
        for (int i = 0; i < operations; i++)
        {
            if (random.Next(operations / 6) == 0)
                shrinking = !shrinking;
            Step(model, random, new ModelKey(random.Next(keyspaces), keys[random.Next(keys.Count)]), valueBytesMax, shrinking);
        }

        while (model.Snapshots > 0)
            model.ReadSnapshot(0, 1 + random.Next(500), 1 + random.Next(100_000));
        model.CheckEverything();
        model.ExpireAll();
        while (model.Store.Maintain(100))
        {
        }

        model.CheckEverything();
    }

    private static void Step(StoreModel model, Random random, ModelKey key, int valueBytesMax, bool shrinking)
    {
        switch (random.Next(1000))
        {
            case < 450:
                if (shrinking)
                    model.Delete(key);
                else
                    model.Set(key, Value(random, valueBytesMax), Expiry(model, random));
                break;
            case < 550:
                model.Set(key, Value(random, valueBytesMax), Expiry(model, random));
                break;
            case < 650:
                model.Delete(key);
                break;
            case < 720:
                model.SetExpiry(key, Expiry(model, random));
                break;
            case < 930:
                model.CheckGet(key);
                break;
            case < 945:
                model.Now += random.Next(2000);
                break;
            case < 960:
                model.Expire(1 + random.Next(3000), 1 + random.Next(100));
                break;
            case < 970:
                if (model.Snapshots < 3)
                    model.BeginSnapshot();
                break;
            case < 990:
                if (model.Snapshots > 0)
                    model.ReadSnapshot(random.Next(model.Snapshots), 1 + random.Next(200), 1 + random.Next(20_000));
                break;
            case < 992:
                if (model.Snapshots > 0)
                    model.DropSnapshot(random.Next(model.Snapshots));
                break;
            case < 994:
                model.CheckScan(key.Keyspace, 1 + random.Next(300), 1 + random.Next(5000), random.Next(2) == 0);
                break;
            case < 998:
                model.Store.Maintain(random.Next(50));
                break;
            default:
                if (random.Next(4) == 0)
                    model.Clear(key.Keyspace);
                break;
        }
    }

    private static long Expiry(StoreModel model, Random random) => random.Next(3) == 0 ? model.Now + random.Next(-500, 5000) : 0;

    private static byte[] Value(Random random, int max)
    {
        byte[] value = new byte[random.Next(max + 1)];
        random.NextBytes(value);
        return value;
    }
}
