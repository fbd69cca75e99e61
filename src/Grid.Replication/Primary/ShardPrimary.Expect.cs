using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>Hints: what is about to be looked up is fetched into the cache ahead, so that waits for memory overlap instead of adding up.</content>
public sealed partial class ShardPrimary
{
    /// <summary>Operations whose slots and records are fetched ahead; more would drive each other out of the cache.</summary>
    private const int ExpectedMax = 256;

    private readonly (Keyspace Keyspace, ulong Hash)[] _expected = new (Keyspace, ulong)[ExpectedMax];
    private int _expectedCount;

    /// <summary>Starts to fetch what the operations of <paramref name="request"/> will look up. Changes nothing; a damaged request is for <see cref="Execute"/> to report.</summary>
    public void Expect(PooledBuffer request)
    {
        try
        {
            RequestHeader.Read(request.Span, out int count);
            OperationReader reader = new(request.Span, count);
            while (_expectedCount < ExpectedMax && reader.TryRead(out Operation operation))
            {
                if (operation.Key.IsEmpty || operation.Kind == OperationKind.Scan || _keyspaces.Find(operation.Keyspace)?.Data is not { } keyspace)
                    continue;
                ulong hash = KeyHash.Compute(operation.Key);
                keyspace.PrefetchSlot(hash);
                _expected[_expectedCount++] = (keyspace, hash);
            }
        }
        catch (MalformedException)
        {
            // Execute says so, to the one who sent it.
        }
    }

    /// <summary>Goes on with what <see cref="Expect"/> began, for all requests since: to be called right before they are executed.</summary>
    public void EndExpecting()
    {
        for (int i = 0; i < _expectedCount; i++)
            _expected[i].Keyspace.PrefetchRecord(_expected[i].Hash);
        Array.Clear(_expected, 0, _expectedCount);
        _expectedCount = 0;
    }
}
