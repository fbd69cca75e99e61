namespace Grid.Client;

/// <summary>The grid as its users see it.</summary>
public interface IGrid
{
}
