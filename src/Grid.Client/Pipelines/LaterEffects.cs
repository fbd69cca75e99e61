using System.IO.Hashing;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>
/// Where in the order each key was last touched by operations that may have taken effect. An operation that comes before
/// such a one must not be sent again after it: a read would see its own client's future, a write undo it.
/// </summary>
/// <remarks>Keys are told apart by 64-bit hashes; a collision only refuses one repetition more.</remarks>
internal sealed class LaterEffects
{
    private readonly Dictionary<ulong, (long Number, int Index)> _last = [];
    private long _numberMax;

    /// <summary>Takes in the operations of <paramref name="batch"/>; batches come in the order of their numbers.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="reads">False if the results of its reads have reached nobody, and will not.</param>
    public void Add(Batch batch, bool reads)
    {
        _numberMax = batch.Number;
        OperationReader reader = new(batch.Request.Span, batch.Count);
        for (int i = 0; reader.TryRead(out Operation data); i++)
        {
            if (data.Kind is OperationKind.Clear)
                _last[HashOf(data.Keyspace, default)] = (batch.Number, i);
            else if (IsWriteOfKey(data.Kind) || (reads && IsReadOfKey(data.Kind)))
                _last[HashOf(data.Keyspace, data.Key)] = (batch.Number, i);
        }
    }

    /// <summary>True if anything behind batch <paramref name="number"/> may have taken effect.</summary>
    public bool ReachBeyond(long number) => _numberMax > number;

    /// <summary>True if the key of <paramref name="data"/> is touched behind place <paramref name="index"/> of batch <paramref name="number"/>.</summary>
    public bool Follow(long number, int index, in Operation data) =>
        (IsReadOfKey(data.Kind) || IsWriteOfKey(data.Kind))
        && (IsBehind(HashOf(data.Keyspace, data.Key), number, index) || IsBehind(HashOf(data.Keyspace, default), number, index));

    private bool IsBehind(ulong hash, long number, int index) =>
        _last.TryGetValue(hash, out (long Number, int Index) last) && last.CompareTo((number, index)) > 0;

    private static bool IsReadOfKey(OperationKind kind) => kind is OperationKind.Get or OperationKind.Peek;

    private static bool IsWriteOfKey(OperationKind kind) =>
        kind is OperationKind.Set or OperationKind.Delete or OperationKind.Expire or OperationKind.Increment;

    private static ulong HashOf(ReadOnlySpan<byte> keyspace, ReadOnlySpan<byte> key) =>
        XxHash3.HashToUInt64(key, (long)XxHash3.HashToUInt64(keyspace));
}
