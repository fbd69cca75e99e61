using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Grid.Replication.Primary;

/// <summary>
/// A primary's links, one for each silo at most, in the order of the silos' names. There are few, and every turn of the primary walks them several times:
/// a list, whose enumerator costs nothing.
/// </summary>
internal sealed class LinkTable : IEnumerable<PrimaryLink>
{
    private readonly List<PrimaryLink> _links = [];

    public List<PrimaryLink>.Enumerator GetEnumerator() => _links.GetEnumerator();

    public bool TryFind(string silo, [NotNullWhen(true)] out PrimaryLink? link)
    {
        int place = PlaceOf(silo);
        link = place >= 0 ? _links[place] : null;
        return link is not null;
    }

    public bool Contains(PrimaryLink link) => TryFind(link.Silo, out PrimaryLink? there) && there == link;

    /// <exception cref="ArgumentException">The silo has a link already.</exception>
    public void Add(PrimaryLink link)
    {
        int place = PlaceOf(link.Silo);
        if (place >= 0)
            throw new ArgumentException($"{link.Silo} has a link already.", nameof(link));
        _links.Insert(~place, link);
    }

    /// <summary>Removes a silo's link, if it has one.</summary>
    public void Remove(string silo)
    {
        int place = PlaceOf(silo);
        if (place >= 0)
            _links.RemoveAt(place);
    }

    public void Clear() => _links.Clear();

    IEnumerator<PrimaryLink> IEnumerable<PrimaryLink>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The place of a silo's link; where it has none, the complement of the place that it would have.</summary>
    private int PlaceOf(string silo)
    {
        for (int i = 0; i < _links.Count; i++)
        {
            int order = string.CompareOrdinal(_links[i].Silo, silo);
            if (order >= 0)
                return order == 0 ? i : ~i;
        }

        return ~_links.Count;
    }
}
