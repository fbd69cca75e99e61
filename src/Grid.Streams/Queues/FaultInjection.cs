using Grid.Streams.Items;

namespace Grid.Streams.Queues;

/// <summary>Carries out what an <see cref="IGridStreamFaults"/> decides.</summary>
internal static class FaultInjection
{
    /// <summary>The items that travel in place of <paramref name="items"/>; references go over with them.</summary>
    public static T[] Apply<T>(IGridStreamFaults faults, StreamId streamId, ItemKind<T> kind, T[] items)
    {
        var sent = new List<T>(items.Length + 1);
        foreach (T item in items)
        {
            GridStreamFault fault = faults.OnItem(streamId, kind.BytesOf(item));
            switch (fault.Kind)
            {
                case GridStreamFaultKind.None:
                    sent.Add(item);
                    break;
                case GridStreamFaultKind.Drop:
                    kind.Release(item);
                    break;
                case GridStreamFaultKind.Duplicate:
                    sent.Add(item);
                    sent.Add(kind.Retain(item));
                    break;
                case GridStreamFaultKind.FlipBit or GridStreamFaultKind.Cut or GridStreamFaultKind.Rewrite:
                    sent.Add(kind.Damage(item, fault));
                    kind.Release(item);
                    break;
                case GridStreamFaultKind.Swap:
                    sent.Insert(Math.Max(sent.Count - 1, 0), item);
                    break;
                default:
                    throw new InvalidOperationException($"Unknown fault {fault.Kind}.");
            }
        }

        return [.. sent];
    }
}
