namespace Grid.Replication.Primary;

/// <summary>The items of one link that its stream has not taken yet, which takes them in order. Not thread-safe.</summary>
internal sealed class UnsentItems
{
    private readonly Queue<int> _sizes = new();

    /// <summary>How many there are.</summary>
    public int Count => _sizes.Count;

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether one more of so many bytes may follow: the first one always may.</summary>
    public bool HasRoomFor(int bytes, PrimaryOptions options) =>
        Count == 0 || (Count < options.ItemsUnsentMax && Bytes + bytes <= options.BytesUnsentMax);

    /// <summary>One was given to the stream.</summary>
    public void Add(int bytes)
    {
        _sizes.Enqueue(bytes);
        Bytes += bytes;
    }

    /// <summary>The stream took the first one.</summary>
    public void RemoveFirst() => Bytes -= _sizes.Dequeue();
}
